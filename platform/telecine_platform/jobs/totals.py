"""The operator's view of the queue: how many jobs wait, what became of them, one job's history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from telecine_platform.jobs.tables import jobs, stage_totals, transitions
from telecine_platform.records import Backlog, JobState, Stage


def read_backlog(connection: sa.Connection, stage: Stage, now: datetime) -> Backlog:
    """The stage's queue at this moment, jobs in back-off included."""
    is_queued = jobs.c.state == JobState.QUEUED
    num_queued, num_running, oldest_at = connection.execute(
        sa.select(
            sa.func.count().filter(is_queued),
            sa.func.count().filter(~is_queued),
            sa.func.min(jobs.c.queued_at).filter(is_queued),
        ).where(
            jobs.c.stage == stage,
            jobs.c.state.in_((JobState.QUEUED, JobState.RUNNING)),
            jobs.c.finished_at.is_(None),  # as its index has it
        )
    ).one()
    return _backlog(num_queued, num_running, oldest_at, now)


def read_backlogs(connection: sa.Connection, stage: Stage, now: datetime) -> dict[str, Backlog]:
    """The same by model; a model without a job in the stage is missing."""
    is_queued = jobs.c.state == JobState.QUEUED
    query = (
        sa.select(
            jobs.c.model,
            sa.func.count().filter(is_queued),
            sa.func.count().filter(~is_queued),
            sa.func.min(jobs.c.queued_at).filter(is_queued),
        )
        .where(
            jobs.c.stage == stage,
            jobs.c.state.in_((JobState.QUEUED, JobState.RUNNING)),
            jobs.c.finished_at.is_(None),
        )
        .group_by(jobs.c.model)
    )
    return {
        model: _backlog(num_queued, num_running, oldest_at, now)
        for model, num_queued, num_running, oldest_at in connection.execute(query)
    }


def _backlog(
    num_queued: int, num_running: int, oldest_at: datetime | None, now: datetime
) -> Backlog:
    age_s = 0.0 if oldest_at is None else max(0.0, (now - oldest_at).total_seconds())
    return Backlog(num_queued=num_queued, num_running=num_running, oldest_age_s=age_s)


# Any: SQLAlchemy types a whole-table row so.
def read_totals(connection: sa.Connection) -> Sequence[sa.Row[Any]]:
    """Rows of (stage, outcome, num_jobs, wait_s, work_s) since the store was made, in order."""
    return connection.execute(sa.select(stage_totals).order_by(*stage_totals.primary_key)).all()


def read_history(connection: sa.Connection, job_id: str) -> Sequence[sa.Row[Any]]:
    """Every transition of one job, oldest first."""
    query = sa.select(transitions).where(transitions.c.job_id == job_id)
    return connection.execute(query.order_by(transitions.c.id)).all()
