"""Jobs that were stopped because they ended their workers, and the operator's word to try again.

What they left behind is kept as evidence until they expire: checkpoints, drafts, and the history
that names each lost worker.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from telecine_platform.errors import IllegalTransition
from telecine_platform.jobs.database import Database, one_page
from telecine_platform.jobs.fenced import change, no_such_job
from telecine_platform.jobs.retry import QUARANTINED
from telecine_platform.jobs.rows import job_from_row
from telecine_platform.jobs.tables import jobs
from telecine_platform.records import Job, JobState

REQUEUED = "requeued"


class QuarantinedJobs:
    """Every tenant's quarantined jobs, for an administrator."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list_quarantined(self, *, limit: int, after: str | None = None) -> tuple[list[Job], bool]:
        """One page in the order of ids, and whether there are more."""
        query = sa.select(jobs).where(*_is_quarantined()).order_by(jobs.c.id).limit(limit + 1)
        if after is not None:
            query = query.where(jobs.c.id > after)
        with self._database.read() as connection:
            page = [job_from_row(row) for row in connection.execute(query)]
        return one_page(page, limit)

    def requeue(self, job_id: str, *, who: str, now: datetime) -> Job:
        """Queue the job again in the stage that it failed in, as if it had ended no worker.

        The one way out of a final state. Raises `NotFound` for an unknown job and
        `IllegalTransition` for one that is not quarantined.
        """
        with self._database.write() as connection:
            found = sa.select(jobs).where(jobs.c.id == job_id, jobs.c.deleted_at.is_(None))
            row = connection.execute(found.with_for_update()).one_or_none()
            if row is None:
                raise no_such_job(job_id)
            job = job_from_row(row)
            if job.error is None or job.error.code != QUARANTINED:
                raise IllegalTransition(f"job {job_id} is {job.state}, not quarantined")
            values: dict[str, Any] = {
                "state": JobState.QUEUED, "attempt": 0, "num_deaths": 0, "error": None,
                "queued_at": now, "available_at": now, "finished_at": None, "swept_at": None,
            }  # fmt: skip
            changed = change(connection, row, values, now, reason=f"{REQUEUED} {who}")
            return job_from_row(changed)


def _is_quarantined() -> tuple[sa.ColumnElement[bool], ...]:
    return (
        jobs.c.state == JobState.FAILED,
        jobs.c.num_deaths > sa.literal_column("0"),  # an index has these alone
        jobs.c.error["code"].as_string() == QUARANTINED,
        jobs.c.deleted_at.is_(None),
    )
