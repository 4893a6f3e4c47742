"""Reading and changing grants, inside a transaction of the rights store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from telecine_platform.errors import InvalidRequest, NotFound
from telecine_platform.jobs.database import one_page
from telecine_platform.ledger.append import append_event
from telecine_platform.rights.entities import find_entity
from telecine_platform.rights.rows import grant_from_body, values_from_grant
from telecine_platform.rights.rules import check_grant
from telecine_platform.rights.tables import entities, grants
from telecine_safeguards.ledger.events import EventKind, grant_body
from telecine_safeguards.registry.entities import EntityStatus, Grant
from telecine_safeguards.registry.rows import json_from_record


def find_grant(connection: sa.Connection, grant_id: str) -> Grant:
    body = connection.execute(
        sa.select(grants.c.body).where(grants.c.id == grant_id)
    ).scalar_one_or_none()
    if body is None:
        raise NotFound(f"no grant {grant_id[:64]!r} in the registry")
    return grant_from_body(body)


def list_grants(
    connection: sa.Connection,
    *,
    entity_id: str | None,
    visible_to: str | None,
    limit: int,
    after: str | None,
) -> tuple[list[Grant], bool]:
    """One page in the order of ids, and whether there are more.

    `visible_to` is the tenant that gave or holds them; None: everybody's.
    """
    query = sa.select(grants.c.body).order_by(grants.c.id).limit(limit + 1)
    if entity_id is not None:
        query = query.where(grants.c.entity_id == entity_id)
    if visible_to is not None:
        owned = sa.select(entities.c.id).where(entities.c.owner_tenant_id == visible_to)
        query = query.where(sa.or_(grants.c.tenant_id == visible_to, grants.c.entity_id.in_(owned)))
    if after is not None:
        query = query.where(grants.c.id > after)
    page = [grant_from_body(row.body) for row in connection.execute(query)]
    return one_page(page, limit)


def insert_grant(connection: sa.Connection, number: int, grant: Grant, now: datetime) -> Grant:
    """Add a grant for an entity that is there. Raises `InvalidRequest` or `NotFound`."""
    entity = find_entity(connection, grant.entity_id).entity
    if entity.status is EntityStatus.WITHDRAWN:
        raise InvalidRequest(
            f"entity {entity.id} is withdrawn: nobody needs a grant for it", param="entity_id"
        )
    if grant.ends_at is not None and grant.ends_at <= now:
        raise InvalidRequest("ends_at lies in the past: it would grant nothing", param="ends_at")
    query = sa.select(grants.c.id).where(grants.c.id == grant.id)
    if connection.execute(query).one_or_none() is not None:
        raise InvalidRequest(
            f"there is a grant {grant.id!r} already; choose another id",
            param="id",
            code="grant_exists",
        )
    check_grant(grant, json_from_record(grant), _grants_for(connection, grant.entity_id))
    connection.execute(sa.insert(grants).values(values_from_grant(grant, number)))
    append_event(connection, EventKind.GRANT, grant.id, grant_body(grant), now)
    return grant


def end_grant(connection: sa.Connection, number: int, grant_id: str, now: datetime) -> Grant:
    """Revoke it from now on; a grant that is revoked already stays as it was."""
    before = find_grant(connection, grant_id)
    if before.revoked_at is not None and before.revoked_at <= now:
        return before
    append_event(connection, EventKind.REVOCATION, grant_id, {"entity_id": before.entity_id}, now)
    return _replace(connection, number, replace(before, revoked_at=now))


def put_grants(
    connection: sa.Connection, number: int, items: Sequence[Grant], now: datetime
) -> int:
    """Add or replace grants; returns how many differ. A revocation is never taken back."""
    num_changed = 0
    for grant in items:
        row = connection.execute(
            sa.select(grants.c.body).where(grants.c.id == grant.id)
        ).one_or_none()
        before = None if row is None else grant_from_body(row.body)
        if before is not None and before.revoked_at is not None:
            grant = replace(grant, revoked_at=before.revoked_at)
        if before == grant:
            continue
        num_changed += 1
        append_event(connection, EventKind.GRANT, grant.id, grant_body(grant), now)
        check_grant(grant, json_from_record(grant), _grants_for(connection, grant.entity_id))
        if before is None:
            connection.execute(sa.insert(grants).values(values_from_grant(grant, number)))
        else:
            _replace(connection, number, grant)
    return num_changed


def _replace(connection: sa.Connection, number: int, grant: Grant) -> Grant:
    connection.execute(
        sa.update(grants).where(grants.c.id == grant.id).values(values_from_grant(grant, number))
    )
    return grant


def _grants_for(connection: sa.Connection, entity_id: str) -> list[Grant]:
    query = sa.select(grants.c.body).where(grants.c.entity_id == entity_id)
    return [grant_from_body(row.body) for row in connection.execute(query)]
