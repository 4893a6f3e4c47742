"""Rows of the rights tables <-> records. The only place that knows the columns' JSON."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from telecine_platform.rights.records import RegisteredEntity, RegistryVersion, Use
from telecine_safeguards.registry.entities import Entity, Grant
from telecine_safeguards.registry.rows import (
    EntityRow,
    GrantRow,
    entity_from_row,
    grant_from_row,
    json_from_record,
)


def values_from_entity(entity: Entity, version: int) -> dict[str, Any]:  # Any: column values
    text = json_from_record(entity)
    return {
        "id": entity.id,
        "body": json.loads(text),
        "kind": entity.kind,
        "name": entity.name,
        "status": entity.status,
        "digest": _digest(text),
        "version": version,
    }


def values_from_grant(grant: Grant, version: int) -> dict[str, Any]:
    text = json_from_record(grant)
    return {
        "id": grant.id,
        "entity_id": grant.entity_id,
        "tenant_id": grant.tenant_id,
        "body": json.loads(text),
        "starts_at": grant.starts_at,
        "ends_at": grant.ends_at,
        "revoked_at": grant.revoked_at,
        "digest": _digest(text),
        "version": version,
    }


def entity_from_body(body: object) -> Entity:
    return entity_from_row(EntityRow.model_validate(body))


def grant_from_body(body: object) -> Grant:
    return grant_from_row(GrantRow.model_validate(body))


def registered_from_row(row: sa.Row[Any]) -> RegisteredEntity:  # Any: a whole-table row
    return RegisteredEntity(
        entity=entity_from_body(row.body),
        owner_tenant_id=row.owner_tenant_id,
        version=row.version,
    )


def version_from_row(row: sa.Row[Any]) -> RegistryVersion:
    return RegistryVersion(
        number=row.number, digest=row.digest, at=row.at, who=row.who, what=row.what
    )


def use_from_row(row: sa.Row[Any]) -> Use:
    """`row` has the columns of a use and the job's `state`."""
    return Use(
        job_id=row.job_id,
        grant_id=row.grant_id,
        entity_id=row.entity_id,
        tenant_id=row.tenant_id,
        at=row.at,
        price=Decimal(row.price),
        currency=row.currency,
        job_state=row.state,
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
