"""Small valid entities and grants, and a store that holds them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from telecine_platform.jobs.database import Database
from telecine_platform.rights.records import Change
from telecine_platform.rights.store import RightsStore
from telecine_safeguards.registry.entities import Entity, EntityKind, Grant, Registry
from tests.records import START, at

_ZORB = Entity(
    id="zorbulon", kind=EntityKind.CHARACTER, name="Zorbulon", rights_holder="Zorb Studios"
)
_GRANT = Grant(
    id="grant_1", entity_id="zorbulon", tenant_id="acme", uses=("video",), starts_at=START
)
SEED = Registry(version="seed-1", entities=(_ZORB,))


def entity(**changes: Any) -> Entity:  # Any: whatever the field takes
    return replace(_ZORB, **changes)


def grant(**changes: Any) -> Grant:
    return replace(_GRANT, **changes)


def change(second: float = 0) -> Change:
    return Change(who="tests", at=at(second))


def seeded(database: Database, registry: Registry = SEED) -> RightsStore:
    rights = RightsStore(database)
    rights.create_tables(lambda: registry, START)
    return rights
