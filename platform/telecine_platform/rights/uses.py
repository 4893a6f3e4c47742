"""What each grant was used for. Written by the job store in the transaction that lets a job on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from telecine_platform.jobs.database import one_page
from telecine_platform.jobs.tables import jobs
from telecine_platform.ledger.append import append_events
from telecine_platform.rights.records import Use
from telecine_platform.rights.rows import grant_from_body, use_from_row
from telecine_platform.rights.rules import is_lapsed
from telecine_platform.rights.shares import shares_of
from telecine_platform.rights.tables import grants, uses
from telecine_safeguards.ledger.events import EventKind, use_body


def record_uses(
    connection: sa.Connection, job_id: str, tenant_id: str, grant_ids: Sequence[str], now: datetime
) -> None:
    """Write one use for each grant, at its present price; one that is written already stays.

    A grant that is not in the store makes no use: the next stage's claim stops the job for it.
    """
    if not grant_ids:
        return
    written = sa.select(uses.c.grant_id).where(uses.c.job_id == job_id)
    query = sa.select(grants.c.body).where(grants.c.id.in_(grant_ids), grants.c.id.not_in(written))
    found = [grant_from_body(row.body) for row in connection.execute(query)]
    values = [
        {
            "job_id": job_id,
            "grant_id": grant.id,
            "entity_id": grant.entity_id,
            "tenant_id": tenant_id,
            "at": now,
            "price": str(grant.price),
            "currency": grant.currency,
        }
        for grant in found
    ]
    if not values:
        return
    connection.execute(sa.insert(uses), values)
    shares = shares_of(connection, [grant.entity_id for grant in found])
    bodies = [use_body(grant, tenant_id, shares.get(grant.entity_id, {})) for grant in found]
    append_events(connection, EventKind.LICENCE_USE, [(job_id, body) for body in bodies], now)


def lapsed_grant_ids(
    connection: sa.Connection, grant_ids: Sequence[str], now: datetime
) -> tuple[str, ...]:
    """Those of `grant_ids` that no longer hold: revoked, ended, or not there at all."""
    if not grant_ids:
        return ()
    rows = connection.execute(sa.select(grants.c.body).where(grants.c.id.in_(grant_ids)))
    holding = {
        grant.id
        for grant in (grant_from_body(row.body) for row in rows)
        if not is_lapsed(grant, now)
    }
    return tuple(grant_id for grant_id in grant_ids if grant_id not in holding)


def list_uses(
    connection: sa.Connection,
    *,
    grant_id: str | None = None,
    entity_id: str | None = None,
    limit: int,
    after: str | None,
) -> tuple[list[Use], bool]:
    """One page of a grant's or an entity's uses by job id, and whether there are more.

    A job uses an entity by one grant at most: two that cover one use are refused.
    """
    query = (
        sa.select(uses, jobs.c.state)
        .join(jobs, jobs.c.id == uses.c.job_id, isouter=True)
        .order_by(uses.c.job_id)
        .limit(limit + 1)
    )
    if grant_id is not None:
        query = query.where(uses.c.grant_id == grant_id)
    if entity_id is not None:
        query = query.where(uses.c.entity_id == entity_id)
    if after is not None:
        query = query.where(uses.c.job_id > after)
    page = [use_from_row(row) for row in connection.execute(query)]
    return one_page(page, limit)
