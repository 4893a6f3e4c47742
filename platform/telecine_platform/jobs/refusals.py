"""Each tenant's refused prompts, counted in the database: every replica sees all of them."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from telecine_platform.jobs.database import insert_new
from telecine_platform.jobs.tables import refusals
from telecine_platform.scheduling.refusals import faded, is_refusal
from telecine_safeguards.verdict import Verdict


def count_refusal(
    connection: sa.Connection, tenant_id: str, verdict: Verdict, now: datetime
) -> None:
    """Count the verdict against its tenant, if it is one."""
    if not is_refusal(verdict):
        return
    insert_new(connection, refusals, tenant_id=tenant_id, level=0.0, counted_at=now)
    is_tenant = refusals.c.tenant_id == tenant_id
    row = connection.execute(sa.select(refusals).where(is_tenant).with_for_update()).one()
    level = faded(row.level, row.counted_at, now) + 1
    values = {"level": level, "counted_at": max(now, row.counted_at)}
    connection.execute(sa.update(refusals).where(is_tenant).values(values))


def refusal_level(connection: sa.Connection, tenant_id: str, now: datetime) -> float:
    """How many refusals stand against the tenant now."""
    row = connection.execute(
        sa.select(refusals).where(refusals.c.tenant_id == tenant_id)
    ).one_or_none()
    return 0.0 if row is None else faded(row.level, row.counted_at, now)
