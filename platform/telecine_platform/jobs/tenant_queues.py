"""Each tenant's place in each model's generation queue, kept beside the jobs.

Invariant: `fenced.record_transition` calls `refresh` in the transaction of every change that has to
do with generation, so a tenant's row always tells of its first jobs. Locks are taken in the order
job, tenant: all rows of the tenant, by model. They are locked before the jobs are looked at, so of
two changes at once the later one sees both.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from telecine_platform.jobs.database import insert_new
from telecine_platform.jobs.tables import jobs, tenant_queues
from telecine_platform.records import JobState, Stage
from telecine_platform.scheduling.admission import UNPRICED, Admission
from telecine_platform.scheduling.order import (
    QueuedJob,
    Share,
    TenantQueue,
    is_past,
    job_rank,
)

QUEUED_JOB: tuple[sa.ColumnElement[Any], ...] = (
    jobs.c.id,
    jobs.c.tenant_id,
    jobs.c.priority,
    jobs.c.price_gpu_s,
    jobs.c.start_by,
    jobs.c.overdue_at,
)
"""What `queued_job_from_row` reads."""


def admit(connection: sa.Connection, tenant_id: str, model: str, admission: Admission) -> None:
    """Keep the tenant's weight and bound, as its latest job was admitted with them."""
    policy = {"weight": admission.weight, "max_running_gpu_s": admission.max_running_gpu_s}
    rows = connection.execute(_tenant(tenant_id)).all()
    if model not in {row.model for row in rows}:
        insert_new(
            connection, tenant_queues,
            tenant_id=tenant_id, model=model, virtual_gpu_s=0.0, **policy,
        )  # fmt: skip
    if any((row.weight, row.max_running_gpu_s) != tuple(policy.values()) for row in rows):
        connection.execute(
            sa.update(tenant_queues).where(tenant_queues.c.tenant_id == tenant_id).values(policy)
        )


def read_queues(connection: sa.Connection, model: str | None, now: datetime) -> list[TenantQueue]:
    """Every tenant with a job of the model that can be claimed now; None: of any model."""
    query = sa.select(tenant_queues).where(
        tenant_queues.c.next_at <= now, *of_model(tenant_queues, model)
    )
    return [_queue(share_from_row(row), row) for row in connection.execute(query)]


def of_model(table: sa.FromClause, model: str | None) -> tuple[sa.ColumnElement[bool], ...]:
    """The condition that a row is the model's; none for None."""
    return () if model is None else (table.c.model == model,)


def share_from_row(row: sa.Row[Any]) -> Share:
    return Share(tenant_id=row.tenant_id, weight=row.weight, virtual_gpu_s=row.virtual_gpu_s)


def next_job(
    connection: sa.Connection, queue: TenantQueue, model: str | None, now: datetime
) -> QueuedJob | None:
    """The tenant's next job of the model, its row locked; None when there is none to be claimed.

    Each kind of first job is found in an index of its own; most tenants only have a shortest one.
    """
    ready = (
        sa.select(*QUEUED_JOB)
        .where(*_waiting(jobs, queue.share.tenant_id, model), jobs.c.available_at <= now)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    queries = [ready.order_by(jobs.c.priority.desc(), jobs.c.price_gpu_s, jobs.c.id)]
    if is_past(queue.overdue_at, now):
        queries.append(ready.where(jobs.c.overdue_at <= now).order_by(jobs.c.overdue_at))
    if is_past(queue.start_by, now):
        pressing = ready.where(jobs.c.priority == queue.priority, jobs.c.start_by <= now)
        queries.append(pressing.order_by(jobs.c.start_by))
    rows = [connection.execute(query).one_or_none() for query in queries]
    found = [queued_job_from_row(row) for row in rows if row is not None]
    return min(found, key=lambda job: job_rank(job, now), default=None)


def refresh(connection: sa.Connection, tenant_id: str, model: str, now: datetime) -> None:
    """Read the tenant's first jobs of the model anew. Call it after any change of its queued jobs.

    A tenant's bound counts the jobs of all models together: where there is one, every queue of the
    tenant is read anew.
    """
    rows = _locked(connection, tenant_id)
    if model not in rows:
        known = next(iter(rows.values()), None)
        policy = UNPRICED if known is None else replace(
            UNPRICED, weight=known.weight, max_running_gpu_s=known.max_running_gpu_s
        )  # fmt: skip
        admit(connection, tenant_id, model, policy)
        rows = _locked(connection, tenant_id)
    is_bounded = rows[model].max_running_gpu_s is not None
    for row in rows.values() if is_bounded else [rows[model]]:
        _refresh_row(connection, row, now)


def _refresh_row(connection: sa.Connection, before: sa.Row[Any], now: datetime) -> None:
    values: dict[str, Any] = {"next_at": None}  # Any: column values
    is_at_bound = _is_at_bound(connection, before)
    first = None if is_at_bound else _first(connection, before.tenant_id, before.model, now)
    if first is not None:
        share = share_from_row(before)
        if before.next_at is None:
            share = share.back(_front_gpu_s(connection, before.model, first.priority))
        values = {
            "next_at": first.available_at,
            "virtual_gpu_s": share.virtual_gpu_s,
            "priority": first.priority,
            "price_gpu_s": first.price_gpu_s,
            "start_by": first.start_by,
            "overdue_at": first.overdue_at,
        }
    connection.execute(
        sa.update(tenant_queues).where(*_is_row(before.tenant_id, before.model)).values(values)
    )


def adopt(connection: sa.Connection, now: datetime) -> None:
    """Put jobs without a model into their model's queue: an API of the version before, still at
    work during an upgrade, has stored them.
    """
    rows = connection.execute(
        sa.update(jobs)
        .where(jobs.c.model == "", jobs.c.finished_at.is_(None))
        .values(model=jobs.c.spec["model"].as_string())
        .returning(jobs.c.tenant_id, jobs.c.model)
    )
    for tenant_id, model in sorted({(row.tenant_id, row.model) for row in rows}):
        refresh(connection, tenant_id, model, now)


def refresh_all(connection: sa.Connection, now: datetime) -> None:
    """Give every tenant with queued jobs its rows; for a database from before there were rows."""
    adopt(connection, now)
    is_waiting = (jobs.c.stage == Stage.GENERATION, jobs.c.state == JobState.QUEUED)
    query = sa.select(jobs.c.tenant_id, jobs.c.model).where(*is_waiting).distinct()
    for tenant_id, model in sorted(tuple(row) for row in connection.execute(query)):
        refresh(connection, tenant_id, model, now)


def charge(connection: sa.Connection, tenant_id: str, model: str, gpu_s: float) -> None:
    """Count GPU-seconds against the tenant's share of the model's gangs; below 0: give back."""
    _locked(connection, tenant_id)  # in the order that `refresh` takes them
    connection.execute(
        sa.update(tenant_queues)
        .where(*_is_row(tenant_id, model))
        .values(virtual_gpu_s=tenant_queues.c.virtual_gpu_s + gpu_s / tenant_queues.c.weight)
    )


def _tenant(tenant_id: str) -> sa.Select[Any]:
    return sa.select(tenant_queues).where(tenant_queues.c.tenant_id == tenant_id)


def _is_row(tenant_id: str, model: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (tenant_queues.c.tenant_id == tenant_id, tenant_queues.c.model == model)


def _locked(connection: sa.Connection, tenant_id: str) -> dict[str, sa.Row[Any]]:
    """The tenant's rows by model, locked."""
    query = _tenant(tenant_id).order_by(tenant_queues.c.model).with_for_update()
    return {row.model: row for row in connection.execute(query)}


def _first(
    connection: sa.Connection, tenant_id: str, model: str, now: datetime
) -> sa.Row[Any] | None:
    """The shortest of the tenant's most important jobs, with the figures of a `TenantQueue`.

    While all of its jobs are in back-off, the one that is available first.
    """
    others = jobs.alias()
    soonest = sa.select(sa.func.min(others.c.overdue_at).label("overdue_at")).where(
        *_waiting(others, tenant_id, model), others.c.available_at <= now
    )
    pressing = soonest.with_only_columns(sa.func.min(others.c.start_by)).where(
        others.c.priority == jobs.c.priority, others.c.start_by.is_not(None)
    )
    query: sa.Select[Any] = (
        sa.select(
            jobs.c.priority,
            jobs.c.price_gpu_s,
            jobs.c.available_at,
            soonest.where(others.c.overdue_at.is_not(None)).scalar_subquery().label("overdue_at"),
            pressing.correlate(jobs).scalar_subquery().label("start_by"),
        )
        .where(*_waiting(jobs, tenant_id, model))
        .limit(1)
    )
    ready = query.where(jobs.c.available_at <= now)
    found = connection.execute(
        ready.order_by(jobs.c.priority.desc(), jobs.c.price_gpu_s, jobs.c.id)
    ).one_or_none()
    return found or connection.execute(query.order_by(jobs.c.available_at)).one_or_none()


def _waiting(
    table: sa.FromClause, tenant_id: str, model: str | None
) -> tuple[sa.ColumnElement[bool], ...]:
    """The tenant's jobs in the model's queue; words as in the indexes' conditions."""
    return (
        table.c.stage == Stage.GENERATION,
        table.c.state == JobState.QUEUED,
        table.c.tenant_id == tenant_id,
        *of_model(table, model),
    )


def _queue(share: Share, row: sa.Row[Any]) -> TenantQueue:
    return TenantQueue(
        share=share,
        priority=row.priority,
        price_gpu_s=row.price_gpu_s,
        start_by=row.start_by,
        overdue_at=row.overdue_at,
    )


def queued_job_from_row(row: sa.Row[Any]) -> QueuedJob:
    return QueuedJob(
        id=row.id,
        tenant_id=row.tenant_id,
        priority=row.priority,
        price_gpu_s=row.price_gpu_s,
        start_by=row.start_by,
        overdue_at=row.overdue_at,
    )


def _is_at_bound(connection: sa.Connection, tenant: sa.Row[Any]) -> bool:
    """Whether the tenant's running jobs use up what it may run at once."""
    if tenant.max_running_gpu_s is None:
        return False
    return running_gpu_s(connection, tenant.tenant_id) >= float(tenant.max_running_gpu_s)


def running_gpu_s(connection: sa.Connection, tenant_id: str) -> float:
    """Price of the tenant's jobs that gangs work on now."""
    query = sa.select(sa.func.coalesce(sa.func.sum(jobs.c.price_gpu_s), 0.0)).where(
        jobs.c.tenant_id == tenant_id,
        jobs.c.state == JobState.RUNNING,
        jobs.c.stage == Stage.GENERATION,
        jobs.c.finished_at.is_(None),  # as its index has it
    )
    return float(connection.execute(query).scalar_one())


def _front_gpu_s(connection: sa.Connection, model: str, priority: int) -> float:
    """Virtual time of the tenants beside whom one with this priority now stands in the queue."""
    is_model = tenant_queues.c.model == model
    waiting = tenant_queues.c.next_at.is_not(None) & (tenant_queues.c.priority >= priority)
    virtual_gpu_s = tenant_queues.c.virtual_gpu_s
    least, most = connection.execute(
        sa.select(
            sa.select(sa.func.min(virtual_gpu_s)).where(is_model, waiting).scalar_subquery(),
            sa.select(sa.func.max(virtual_gpu_s)).where(is_model).scalar_subquery(),
        )
    ).one()
    return float(most if least is None else least)
