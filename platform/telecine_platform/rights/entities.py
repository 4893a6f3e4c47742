"""Reading and changing entities, inside a transaction of the rights store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from telecine_platform.errors import InvalidRequest, NotFound
from telecine_platform.jobs.database import one_page
from telecine_platform.rights.records import RegisteredEntity
from telecine_platform.rights.rows import registered_from_row, values_from_entity
from telecine_platform.rights.rules import check_entity, check_status
from telecine_platform.rights.tables import entities
from telecine_safeguards.registry.entities import Entity, EntityKind, EntityStatus
from telecine_safeguards.registry.rows import json_from_record


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityFilter:
    """Which entities to list; None: all."""

    kind: EntityKind | None = None
    status: EntityStatus | None = None
    owner_tenant_id: str | None = None
    name: str | None = None
    """Part of the name, whatever its case."""


def find_entity(connection: sa.Connection, entity_id: str) -> RegisteredEntity:
    query = sa.select(entities).where(entities.c.id == entity_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"no entity {entity_id[:128]!r} in the registry")
    return registered_from_row(row)


def list_entities(
    connection: sa.Connection, wanted: EntityFilter, *, limit: int, after: str | None
) -> tuple[list[RegisteredEntity], bool]:
    """One page in the order of ids, and whether there are more; `after` is the last id seen."""
    query = sa.select(entities).order_by(entities.c.id).limit(limit + 1)
    for column in ("kind", "status", "owner_tenant_id"):
        value = getattr(wanted, column)
        if value is not None:
            query = query.where(entities.c[column] == value)
    if wanted.name is not None:
        query = query.where(entities.c.name.icontains(wanted.name, autoescape=True))
    if after is not None:
        query = query.where(entities.c.id > after)
    page = [registered_from_row(row) for row in connection.execute(query)]
    return one_page(page, limit)


def insert_proposal(
    connection: sa.Connection, number: int, entity: Entity, owner_tenant_id: str | None
) -> RegisteredEntity:
    """Add an entity as proposed, or propose a withdrawn one anew, for the same owner."""
    proposed = replace(entity, status=EntityStatus.PROPOSED)
    check_entity(proposed, json_from_record(proposed))
    values = values_from_entity(proposed, number) | {"owner_tenant_id": owner_tenant_id}
    query = sa.select(entities).where(entities.c.id == entity.id)
    before = connection.execute(query).one_or_none()
    if before is None:
        connection.execute(sa.insert(entities).values(values))
    elif before.status == EntityStatus.WITHDRAWN and before.owner_tenant_id == owner_tenant_id:
        connection.execute(sa.update(entities).where(entities.c.id == entity.id).values(values))
    else:
        raise InvalidRequest(
            f"there is an entity {entity.id!r} already; choose another id, or dispute that one",
            param="id",
            code="entity_exists",
        )
    return RegisteredEntity(entity=proposed, owner_tenant_id=owner_tenant_id, version=number)


def change_status(
    connection: sa.Connection,
    number: int,
    entity_id: str,
    status: EntityStatus,
    owner_tenant_id: str | None,
) -> RegisteredEntity:
    """Move an entity; `owner_tenant_id` None leaves its owner as it is."""
    before = find_entity(connection, entity_id)
    check_status(entity_id, before.entity.status, status)
    entity = replace(before.entity, status=status)
    owner = owner_tenant_id or before.owner_tenant_id
    values = values_from_entity(entity, number) | {"owner_tenant_id": owner}
    connection.execute(sa.update(entities).where(entities.c.id == entity_id).values(values))
    return RegisteredEntity(entity=entity, owner_tenant_id=owner, version=number)


def put_entities(connection: sa.Connection, number: int, items: Sequence[Entity]) -> int:
    """Add or replace entities, owners untouched; returns how many differ from what was there."""
    known = {
        row.id: row.digest
        for row in connection.execute(sa.select(entities.c.id, entities.c.digest))
    }
    new: list[dict[str, Any]] = []  # Any: column values
    changed: list[dict[str, Any]] = []
    for entity in items:
        check_entity(entity, json_from_record(entity))
        values = values_from_entity(entity, number)
        if entity.id not in known:
            new.append(values)
        elif known[entity.id] != values["digest"]:
            changed.append(values)
    if new:
        connection.execute(sa.insert(entities), new)
    for values in changed:
        connection.execute(sa.update(entities).where(entities.c.id == values["id"]).values(values))
    return len(new) + len(changed)
