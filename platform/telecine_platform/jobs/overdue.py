"""Jobs whose deadline has passed: they fail, wherever they stand, and free what they hold."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

import sqlalchemy as sa

from telecine_platform.jobs.database import Database
from telecine_platform.jobs.fenced import NO_LEASE, change
from telecine_platform.jobs.tables import jobs
from telecine_platform.records import OVERDUE, JobError, JobState


def fail_overdue(database: Database, now: datetime, limit: int = 100) -> list[str]:
    """Fail up to `limit` jobs that were not finished by their deadline; returns their ids.

    Their epoch goes up, so that a worker that is still at one stops at its next step.
    """
    overdue = (
        sa.select(jobs)
        .where(jobs.c.deadline_at <= now, jobs.c.finished_at.is_(None))
        .order_by(jobs.c.deadline_at)
        .limit(limit)
    )
    with database.read() as connection:
        if connection.execute(overdue.limit(1)).first() is None:
            return []
    with database.write() as connection:
        rows = connection.execute(overdue.with_for_update(skip_locked=True)).all()
        for row in rows:
            error = JobError(
                code=OVERDUE,
                message=f"The video was not finished by its deadline, {row.deadline_at:%F %T} UTC.",
            )
            values = {
                "state": JobState.FAILED,
                "epoch": row.epoch + 1,
                "error": asdict(error),
                "finished_at": now,
            } | NO_LEASE
            change(connection, row, values, now, worker_id=row.lease_owner, reason=OVERDUE)
        return [row.id for row in rows]
