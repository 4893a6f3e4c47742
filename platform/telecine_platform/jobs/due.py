"""What the reaper looks for: leases that ran out, results past their time, blobs left behind.

Each query reads one partial index that holds only the jobs in question, so it costs the same
whether a thousand jobs are on record or a million. A literal lets the planner see that it may.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from telecine_platform.jobs.database import Database
from telecine_platform.jobs.held import IS_HELD
from telecine_platform.jobs.rows import job_from_row
from telecine_platform.jobs.tables import jobs
from telecine_platform.records import Job, JobState

LIMIT = 100
"""Jobs in one round; the next round takes the next ones."""


def lost_jobs(database: Database, now: datetime) -> list[Job]:
    """Running jobs whose lease has run out: their worker is dead or cut off."""
    query = (
        sa.select(jobs)
        .where(jobs.c.state == JobState.RUNNING, jobs.c.lease_expires_at < now)
        .order_by(jobs.c.lease_expires_at)
    )
    return _read(database, query)


def held_jobs(database: Database, held_before: datetime) -> list[Job]:
    """Jobs that have waited for a person since before that, the longest waiting first."""
    query = (
        sa.select(jobs).where(IS_HELD, jobs.c.queued_at < held_before).order_by(jobs.c.queued_at)
    )
    return _read(database, query)


def visible_jobs(database: Database, finished_before: datetime) -> list[Job]:
    """Final jobs that their owners can still see, oldest first.

    What is taken down stays for as long, and a clip that came back is as new.
    """
    query = (
        sa.select(jobs)
        .where(
            jobs.c.deleted_at.is_(None),
            jobs.c.finished_at < finished_before,
            jobs.c.state != JobState.WITHDRAWN,
            sa.or_(jobs.c.reinstated_at.is_(None), jobs.c.reinstated_at < finished_before),
        )
        .order_by(jobs.c.finished_at)
    )
    return _read(database, query)


def unswept_jobs(database: Database, finished_before: datetime) -> list[Job]:
    """Final jobs that may still have left-over blobs of lost attempts, oldest first."""
    query = (
        sa.select(jobs)
        .where(jobs.c.swept_at.is_(None), jobs.c.finished_at < finished_before)
        .order_by(jobs.c.finished_at)
    )
    return _read(database, query)


def mark_swept(database: Database, job_id: str, now: datetime) -> None:
    with database.write() as connection:
        connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(swept_at=now))


def _read(database: Database, query: sa.Select[tuple[object, ...]]) -> list[Job]:
    with database.read() as connection:
        return [job_from_row(row) for row in connection.execute(query.limit(LIMIT))]
