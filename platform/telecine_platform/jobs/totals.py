"""The operator's view of the queue: how many jobs wait, what became of them, one job's history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from telecine_platform.jobs.tables import jobs, stage_totals, transitions
from telecine_platform.records import Backlog, JobState, Stage

_IS_QUEUED = jobs.c.state == JobState.QUEUED
_FIGURES = (
    sa.func.count().filter(_IS_QUEUED),
    sa.func.count().filter(~_IS_QUEUED),
    sa.func.min(jobs.c.queued_at).filter(_IS_QUEUED),
)


def read_backlog(connection: sa.Connection, stage: Stage, now: datetime) -> Backlog:
    """The stage's queue at this moment, jobs in back-off included."""
    query = sa.select(*_FIGURES).where(_is_open_in(stage))
    return _backlog(now, *connection.execute(query).one())


def read_backlogs(connection: sa.Connection, stage: Stage, now: datetime) -> dict[str, Backlog]:
    """The same by model; a model without a job in the stage is missing."""
    query = sa.select(jobs.c.model, *_FIGURES).where(_is_open_in(stage)).group_by(jobs.c.model)
    return {model: _backlog(now, *figures) for model, *figures in connection.execute(query)}


def _is_open_in(stage: Stage) -> sa.ColumnElement[bool]:
    """As the jobs' index has it."""
    return sa.and_(
        jobs.c.stage == stage,
        jobs.c.state.in_((JobState.QUEUED, JobState.RUNNING)),
        jobs.c.finished_at.is_(None),
    )


def _backlog(
    now: datetime, num_queued: int, num_running: int, oldest_at: datetime | None
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
