"""Who shares in an entity's revenue. The owner alone, unless it says otherwise."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import sqlalchemy as sa

from telecine_platform.errors import InvalidRequest
from telecine_platform.ledger.append import append_event
from telecine_platform.rights.records import Change
from telecine_platform.rights.tables import entities, entity_shares
from telecine_safeguards.ledger.events import EventKind

MAX_HOLDERS = 100
MAX_PARTS = 1_000_000
"""So fine that a per cent has ten thousand."""


def shares_of(connection: sa.Connection, entity_ids: Collection[str]) -> dict[str, dict[str, int]]:
    """Entity -> holder -> parts; an entity that nobody owns has no holder and is missing."""
    owner = sa.select(entities.c.id, entities.c.owner_tenant_id).where(
        entities.c.id.in_(entity_ids), entities.c.owner_tenant_id.is_not(None)
    )
    shares = {row.id: {row.owner_tenant_id: 1} for row in connection.execute(owner)}
    query = sa.select(entity_shares).where(entity_shares.c.entity_id.in_(entity_ids))
    agreed: dict[str, dict[str, int]] = {}
    for row in connection.execute(query):
        agreed.setdefault(row.entity_id, {})[row.tenant_id] = row.parts
    return shares | agreed


def put_shares(
    connection: sa.Connection, entity_id: str, shares: Mapping[str, int], change: Change
) -> dict[str, int]:
    """Replace an entity's shares; uses from now on are shared so. Raises `InvalidRequest`."""
    if len(shares) > MAX_HOLDERS or not all(1 <= parts <= MAX_PARTS for parts in shares.values()):
        raise InvalidRequest(
            f"shares: at most {MAX_HOLDERS} holders, each with 1 to {MAX_PARTS} parts",
            param="shares",
            code="invalid_value",
        )
    connection.execute(sa.delete(entity_shares).where(entity_shares.c.entity_id == entity_id))
    if shares:
        connection.execute(
            sa.insert(entity_shares),
            [
                {"entity_id": entity_id, "tenant_id": holder, "parts": parts}
                for holder, parts in shares.items()
            ],
        )
    body = {"shares": dict(shares), "who": change.who}
    append_event(connection, EventKind.SHARES, entity_id, body, change.at)
    return shares_of(connection, [entity_id]).get(entity_id, {})
