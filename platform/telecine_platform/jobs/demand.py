"""What is asked of the gangs now: by everybody, for forecasts; by one tenant, for its quotas.

Prices count, not rows: a tenant's long videos fill its quota sooner than its short ones.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from telecine_platform.ids import first_job_id
from telecine_platform.jobs.accounts import used_gpu_s
from telecine_platform.jobs.refusals import refusal_level
from telecine_platform.jobs.tables import jobs, tenant_queues
from telecine_platform.jobs.tenant_queues import (
    QUEUED_JOB,
    of_model,
    queued_job_from_row,
    share_from_row,
)
from telecine_platform.jobs.totals import read_totals
from telecine_platform.jobs.workers import count_idle
from telecine_platform.records import JobState, Stage
from telecine_platform.scheduling.admission import Usage
from telecine_platform.scheduling.forecast import Demand, RunningJob

MAX_FORECAST_JOBS = 10_000
"""Of a longer queue, only the oldest so many are looked at; the others get no forecast."""


def read_demand(connection: sa.Connection, now: datetime, model: str | None = None) -> Demand:
    """What is asked of the model's gangs; None: of all gangs together.

    Jobs that are held or halted wait for somebody, not for a gang.
    """
    active = sa.select(*_COLUMNS).where(jobs.c.finished_at.is_(None), *of_model(jobs, model))
    is_queued = (jobs.c.state == JobState.QUEUED) & (jobs.c.stage != Stage.MODERATION)
    is_screened = (jobs.c.state == JobState.RUNNING) & (jobs.c.stage == Stage.SCREENING)
    is_running = (jobs.c.state == JobState.RUNNING) & (jobs.c.stage == Stage.GENERATION)
    waiting = active.where(is_queued | is_screened).order_by(jobs.c.id).limit(MAX_FORECAST_JOBS)
    queued = tuple(queued_job_from_row(row) for row in connection.execute(waiting))
    tenant_ids = {job.tenant_id for job in queued}
    places = sa.select(tenant_queues).where(*of_model(tenant_queues, model))
    shares = [share_from_row(row) for row in connection.execute(places)]
    return Demand(
        waiting=queued,
        running=tuple(_running_job(row) for row in connection.execute(active.where(is_running))),
        shares={share.tenant_id: share for share in shares if share.tenant_id in tenant_ids},
        num_idle=count_idle(connection, Stage.GENERATION, now, model),
        release_s=_mean_release_s(connection),
    )


def read_usage(connection: sa.Connection, tenant_id: str, now: datetime) -> Usage:
    """What the quotas of one tenant are about."""
    is_queued = jobs.c.state.in_((JobState.QUEUED, JobState.HELD, JobState.HALTED))
    is_running = jobs.c.state == JobState.RUNNING
    num_submits = connection.execute(
        sa.select(sa.func.count())
        .select_from(jobs)
        .where(jobs.c.tenant_id == tenant_id, jobs.c.id > first_job_id(now - timedelta(minutes=1)))
    ).scalar_one()
    queued_gpu_s, running_gpu_s = connection.execute(
        sa.select(_price_where(is_queued), _price_where(is_running)).where(
            jobs.c.tenant_id == tenant_id,
            jobs.c.stage != Stage.MODERATION,
            jobs.c.finished_at.is_(None),
        )
    ).one()
    return Usage(
        num_submits_in_minute=num_submits,
        queued_gpu_s=queued_gpu_s,
        running_gpu_s=running_gpu_s,
        used_today_gpu_s=used_gpu_s(connection, tenant_id, now),
        refusal_level=refusal_level(connection, tenant_id, now),
    )


_COLUMNS: tuple[sa.ColumnElement[Any], ...] = (
    *QUEUED_JOB,
    jobs.c.claimed_at,
    jobs.c.progress,
    jobs.c.num_gpus,
)


def _price_where(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[float]:
    return sa.func.coalesce(sa.func.sum(jobs.c.price_gpu_s).filter(condition), 0.0)


def _mean_release_s(connection: sa.Connection) -> float:
    done = [
        row for row in read_totals(connection) if row.stage == Stage.MODERATION and row.num_jobs
    ]
    total_s = float(sum(row.wait_s + row.work_s for row in done))
    num_jobs = int(sum(row.num_jobs for row in done))
    return total_s / max(1, num_jobs)


def _running_job(row: sa.Row[Any]) -> RunningJob:
    return RunningJob(
        id=row.id,
        price_gpu_s=row.price_gpu_s,
        claimed_at=row.claimed_at,
        progress=row.progress,
        num_gpus=row.num_gpus,
    )
