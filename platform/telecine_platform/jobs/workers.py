"""Which workers are there and idle. Busy ones are seen by their leases; idle ones say so here.

Only forecasts and people read this: no worker gets or loses a job by it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from telecine_platform.jobs.database import Database, insert_new
from telecine_platform.jobs.tables import jobs, workers
from telecine_platform.jobs.tenant_queues import of_model
from telecine_platform.records import JobState, Stage

SHOW_S = 5.0
"""How often an idle worker says that it is there."""
_GONE_S = 3 * SHOW_S
"""Silent for longer and without a job, it is taken for gone."""


class Workers:
    """The idle workers in the job store's tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def show_idle(self, worker_id: str, stage: Stage, now: datetime, model: str = "") -> None:
        """Say that the worker is there, a gang with its model. Forgets those that are long gone."""
        with self._database.write() as connection:
            connection.execute(
                sa.delete(workers).where(workers.c.seen_at < now - timedelta(hours=1))
            )
            insert_new(
                connection, workers, worker_id=worker_id, stage=stage, model=model, seen_at=now
            )
            connection.execute(
                sa.update(workers).where(workers.c.worker_id == worker_id).values(seen_at=now)
            )


def count_idle(
    connection: sa.Connection, stage: Stage, now: datetime, model: str | None = None
) -> int:
    """Workers of the stage that are there and have no job; of one model's only, if it is named."""
    busy = sa.select(jobs.c.lease_owner).where(
        jobs.c.state == JobState.RUNNING, jobs.c.stage == stage, jobs.c.finished_at.is_(None)
    )
    query = (
        sa.select(sa.func.count())
        .select_from(workers)
        .where(
            workers.c.stage == stage,
            *of_model(workers, model),
            workers.c.seen_at > now - timedelta(seconds=_GONE_S),
            workers.c.worker_id.not_in(busy),
        )
    )
    return connection.execute(query).scalar_one()
