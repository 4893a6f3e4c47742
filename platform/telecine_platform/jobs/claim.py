"""Which job a worker gets. Screening and moderation: by priority, then who came first. Generation:
by `scheduling/order.py`, which is asked for the tenant and then for the tenant's job. Each model
has a queue of its own, because its gangs can make nothing else.

Invariant: what a claim reads are indexes of queued jobs and one row per tenant that waits for the
model, so finished jobs cost nothing. Two claims never take the same job: each locks the row that it
takes, and passes over rows that another has locked.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from telecine_platform.halts.stop import set_halted_aside
from telecine_platform.jobs.fenced import record_transition
from telecine_platform.jobs.tables import jobs
from telecine_platform.jobs.tenant_queues import charge, next_job, read_queues
from telecine_platform.records import JobState, Stage
from telecine_platform.scheduling.order import in_order


def claim_next(
    connection: sa.Connection,
    stage: Stage,
    *,
    worker_id: str,
    lease_s: float,
    num_gpus: int,
    model: str | None,
    now: datetime,
) -> sa.Row[Any] | None:  # Any: SQLAlchemy types a whole-table row so
    """Make the worker the owner of the stage's next job, under a new epoch; None: none waits.

    The GPUs that it will hold are charged to the job's tenant at the job's price.
    """
    for job_id in _candidates(connection, stage, model, now):
        if set_halted_aside(connection, job_id, now):
            continue
        row = connection.execute(
            sa.update(jobs)
            .where(jobs.c.id == job_id)
            .values(
                state=JobState.RUNNING,
                attempt=jobs.c.attempt + 1,
                epoch=jobs.c.epoch + 1,
                claimed_at=now,
                lease_owner=worker_id,
                lease_expires_at=now + timedelta(seconds=lease_s),
                num_gpus=num_gpus,
            )
            .returning(jobs)
        ).one()
        if num_gpus > 0:
            charge(connection, row.tenant_id, row.model, row.price_gpu_s)
        record_transition(connection, row, now, worker_id=worker_id, reason="claimed")
        return row
    return None


def _candidates(
    connection: sa.Connection, stage: Stage, model: str | None, now: datetime
) -> Iterator[str]:
    """Ids of claimable jobs, the next one first, each locked; who does not take it takes it away
    from the queue, or it comes again.
    """
    if stage is Stage.GENERATION:
        for queue in in_order(read_queues(connection, model, now), now):
            while (job := next_job(connection, queue, model, now)) is not None:
                yield job.id
    else:
        first = _first_in_line(stage, now)
        while (job_id := connection.execute(first).scalar_one_or_none()) is not None:
            yield job_id


def _first_in_line(stage: Stage, now: datetime) -> sa.Select[Any]:
    return (
        sa.select(jobs.c.id)
        .where(jobs.c.stage == stage, jobs.c.state == JobState.QUEUED, jobs.c.available_at <= now)
        .order_by(jobs.c.priority.desc(), jobs.c.available_at, jobs.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
