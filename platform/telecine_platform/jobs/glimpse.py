"""The little of a job that tells whether it has moved: read of many jobs at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from telecine_platform.jobs.database import Database
from telecine_platform.jobs.tables import jobs
from telecine_platform.records import Job, JobState, Stage

_BATCH = 500
"""Well below the number of values that either database takes in one statement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Glimpse:
    """Where a job stands."""

    state: JobState
    stage: Stage
    epoch: int
    progress: int


def glimpse_from_job(job: Job) -> Glimpse:
    return Glimpse(state=job.state, stage=job.stage, epoch=job.epoch, progress=job.progress)


def read_glimpses(database: Database, job_ids: Sequence[str]) -> dict[str, Glimpse]:
    """Where these jobs stand now. A deleted one is missing."""
    found: dict[str, Glimpse] = {}
    columns = (jobs.c.id, jobs.c.state, jobs.c.stage, jobs.c.epoch, jobs.c.progress)
    with database.read() as connection:
        for start in range(0, len(job_ids), _BATCH):
            batch = job_ids[start : start + _BATCH]
            query = sa.select(*columns).where(jobs.c.id.in_(batch), jobs.c.deleted_at.is_(None))
            for row in connection.execute(query):
                found[row.id] = Glimpse(
                    state=JobState(row.state),
                    stage=Stage(row.stage),
                    epoch=row.epoch,
                    progress=row.progress,
                )
    return found
