"""What jobs really took of the GPUs: each tenant's use, and what the price list learns from it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from telecine_platform.catalogue import card_from_name
from telecine_platform.jobs.database import insert_new
from telecine_platform.jobs.tables import jobs, price_corrections, tenant_usage
from telecine_platform.jobs.tenant_queues import charge
from telecine_platform.records import Stage, VideoSpec
from telecine_platform.scheduling.price import (
    UNCORRECTED,
    WHOLE_MODEL,
    Correction,
    formula_gpu_s,
    learn,
    shape_of,
)


def release_gpus(connection: sa.Connection, row: sa.Row[Any], now: datetime) -> None:
    """Book what a job held since its claim, now that it holds nothing any more.

    `row` is the job after that change. Its tenant's share was charged with the price at the claim;
    the difference is charged, or given back, here. A lost attempt is booked like any other, but
    only a clip made in one go tells what such clips cost.
    """
    took_gpu_s = max(0.0, (now - row.claimed_at).total_seconds()) * row.num_gpus
    values = {"num_gpus": 0, "used_gpu_s": row.used_gpu_s + took_gpu_s}
    connection.execute(sa.update(jobs).where(jobs.c.id == row.id).values(values))
    charge(connection, row.tenant_id, row.model, took_gpu_s - row.price_gpu_s)
    _add_usage(connection, row.tenant_id, took_gpu_s, now)
    if row.stage == Stage.MODERATION and row.used_gpu_s == 0 and took_gpu_s > 0:
        _learn(connection, VideoSpec(**row.spec), took_gpu_s)


def used_gpu_s(connection: sa.Connection, tenant_id: str, now: datetime) -> float:
    """GPU-seconds that the tenant's jobs have held on this UTC day, those still running apart."""
    query = sa.select(tenant_usage.c.used_gpu_s).where(*_on_day(tenant_id, now))
    return float(connection.execute(query).scalar_one_or_none() or 0.0)


def read_corrections(
    connection: sa.Connection, model: str, shapes: Collection[str]
) -> dict[str, Correction]:
    """What is known of these shapes of the model; `UNCORRECTED` where nothing is."""
    query = sa.select(price_corrections).where(
        price_corrections.c.model == model, price_corrections.c.shape.in_(shapes)
    )
    known = {
        row.shape: Correction(log_ratio=row.log_ratio, spread=row.spread, num_jobs=row.num_jobs)
        for row in connection.execute(query)
    }
    return {shape: known.get(shape, UNCORRECTED) for shape in shapes}


def _add_usage(connection: sa.Connection, tenant_id: str, took_gpu_s: float, now: datetime) -> None:
    add = (
        sa.update(tenant_usage)
        .where(*_on_day(tenant_id, now))
        .values(used_gpu_s=tenant_usage.c.used_gpu_s + took_gpu_s)
    )
    if connection.execute(add).rowcount == 0:
        day = now.date().isoformat()
        insert_new(connection, tenant_usage, tenant_id=tenant_id, day=day, used_gpu_s=0.0)
        connection.execute(add)


def _on_day(tenant_id: str, now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return (tenant_usage.c.tenant_id == tenant_id, tenant_usage.c.day == now.date().isoformat())


def _learn(connection: sa.Connection, spec: VideoSpec, took_gpu_s: float) -> None:
    formula = formula_gpu_s(card_from_name(spec.model), spec)
    shapes = [WHOLE_MODEL, shape_of(spec)]  # always in this order: no two of us can deadlock
    if spec.step_cache:  # it says nothing of clips whose every step is exact
        shapes.remove(WHOLE_MODEL)
    for shape in shapes:
        is_this = (price_corrections.c.model == spec.model, price_corrections.c.shape == shape)
        key = {"model": spec.model, "shape": shape}
        insert_new(connection, price_corrections, **key, **asdict(UNCORRECTED))
        row = connection.execute(
            sa.select(price_corrections).where(*is_this).with_for_update()
        ).one()
        before = Correction(log_ratio=row.log_ratio, spread=row.spread, num_jobs=row.num_jobs)
        after = learn(before, took_gpu_s=took_gpu_s, formula_gpu_s=formula)
        connection.execute(sa.update(price_corrections).where(*is_this).values(asdict(after)))
