"""The rights store: each change is one transaction that makes one version.

Invariant: `load` returns exactly what one version holds. Withdrawn entities and revoked grants stay
in the store for the record, and are left out of what is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from telecine_platform.jobs.database import Database
from telecine_platform.rights.entities import (
    EntityFilter,
    change_status,
    find_entity,
    insert_proposal,
    list_entities,
    put_entities,
)
from telecine_platform.rights.grants import (
    end_grant,
    find_grant,
    insert_grant,
    list_grants,
    put_grants,
)
from telecine_platform.rights.records import Change, RegisteredEntity, RegistryVersion, Use
from telecine_platform.rights.rows import entity_from_body, grant_from_body
from telecine_platform.rights.screening import check_usable
from telecine_platform.rights.shares import put_shares, shares_of
from telecine_platform.rights.tables import entities, grants
from telecine_platform.rights.uses import lapsed_grant_ids, list_uses
from telecine_platform.rights.versions import (
    begin_version,
    end_version,
    hold_still,
    new_version,
    newest_version,
    version_in_force,
    version_of,
)
from telecine_safeguards.registry.entities import Entity, EntityStatus, Grant, Registry


class RightsStore:
    """The registry on SQLite or PostgreSQL. Raises `StoreUnavailable` when that is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create_tables(self, seed: Callable[[], Registry], now: datetime) -> None:
        """Create what is missing; an empty registry is filled from `seed`, by one process only."""

        def fill(connection: sa.Connection) -> None:
            number = begin_version(connection)
            if newest_version(connection) is not None:
                return
            registry = seed()
            put_entities(connection, number, registry.entities)
            put_grants(connection, number, registry.grants, now)
            change = Change(who="telecine", at=now)
            end_version(connection, number, change, f"filled from {registry.version}")

        self._database.create_tables(fill)

    def current_version(self) -> str:
        """The name of the version in force: one look at one index."""
        with self._database.read() as connection:
            return version_in_force(connection).name

    def load(self) -> Registry:
        """All that is in force at one moment."""
        with self._database.read() as connection:
            hold_still(connection)
            version = version_in_force(connection)
            in_force = entities.c.status != EntityStatus.WITHDRAWN
            bodies = connection.execute(sa.select(entities.c.body).where(in_force))
            registered = [entity_from_body(row.body) for row in bodies]
            bodies = connection.execute(
                sa.select(grants.c.body)
                .join(entities, entities.c.id == grants.c.entity_id)
                .where(in_force, grants.c.revoked_at.is_(None))
            )
            granted = [grant_from_body(row.body) for row in bodies]
        return Registry(
            version=version.name,
            entities=tuple(sorted(registered, key=lambda entity: entity.id)),
            grants=tuple(sorted(granted, key=lambda grant: grant.id)),
        )

    def load_all(self) -> Registry:
        """Everything on record, for an export: also what was withdrawn or revoked."""
        with self._database.read() as connection:
            hold_still(connection)
            version = version_in_force(connection)
            registered = connection.execute(sa.select(entities.c.body)).scalars().all()
            granted = connection.execute(sa.select(grants.c.body)).scalars().all()
        return Registry(
            version=version.name,
            entities=tuple(sorted(map(entity_from_body, registered), key=lambda each: each.id)),
            grants=tuple(sorted(map(grant_from_body, granted), key=lambda each: each.id)),
        )

    def import_registry(self, registry: Registry, change: Change) -> tuple[RegistryVersion, int]:
        """Add and replace what the file holds, in one version; what it does not name stays.

        Returns the version and how many entries were new or different. Raises `InvalidRequest`
        for an entry that cannot be; then nothing is changed.
        """
        check_usable(registry.entities)
        what = f"imported {registry.version}"
        with new_version(self._database, change, what) as (connection, number):
            num_changed = put_entities(connection, number, registry.entities)
            num_changed += put_grants(connection, number, registry.grants, change.at)
        with self._database.read() as connection:
            return version_of(connection, number), num_changed

    # Entities.

    def get_entity(self, entity_id: str) -> RegisteredEntity:
        with self._database.read() as connection:
            return find_entity(connection, entity_id)

    def list_entities(
        self, wanted: EntityFilter, *, limit: int, after: str | None = None
    ) -> tuple[list[RegisteredEntity], bool]:
        """One page in the order of ids, and whether there are more."""
        with self._database.read() as connection:
            return list_entities(connection, wanted, limit=limit, after=after)

    def propose(
        self, entity: Entity, owner_tenant_id: str | None, change: Change
    ) -> RegisteredEntity:
        """Register a claim; until somebody verifies it, a hit asks a person."""
        check_usable([entity])
        with new_version(self._database, change, f"proposed {entity.id}") as (connection, number):
            return insert_proposal(connection, number, entity, owner_tenant_id)

    def set_status(
        self,
        entity_id: str,
        status: EntityStatus,
        change: Change,
        owner_tenant_id: str | None = None,
    ) -> RegisteredEntity:
        """Verify, dispute or withdraw; `owner_tenant_id` None leaves the owner as it is."""
        with new_version(self._database, change, f"{status} {entity_id}") as (connection, number):
            return change_status(connection, number, entity_id, status, owner_tenant_id)

    def shares(self, entity_id: str) -> dict[str, int]:
        """Who shares in an entity's revenue, and by how many parts; `NotFound`."""
        with self._database.read() as connection:
            find_entity(connection, entity_id)
            return shares_of(connection, [entity_id]).get(entity_id, {})

    def set_shares(
        self, entity_id: str, shares: Mapping[str, int], change: Change
    ) -> dict[str, int]:
        """Share its revenue so from now on; none: all of it is the owner's again."""
        with self._database.write() as connection:
            find_entity(connection, entity_id)
            return put_shares(connection, entity_id, shares, change)

    # Grants and their uses.

    def get_grant(self, grant_id: str) -> Grant:
        with self._database.read() as connection:
            return find_grant(connection, grant_id)

    def list_grants(
        self,
        *,
        entity_id: str | None = None,
        visible_to: str | None = None,
        limit: int,
        after: str | None = None,
    ) -> tuple[list[Grant], bool]:
        """One page in the order of ids; `visible_to`: the tenant that gave or holds them."""
        with self._database.read() as connection:
            return list_grants(
                connection, entity_id=entity_id, visible_to=visible_to, limit=limit, after=after
            )

    def grant(self, grant: Grant, change: Change) -> Grant:
        what = f"granted {grant.id} on {grant.entity_id}"
        with new_version(self._database, change, what) as (connection, number):
            return insert_grant(connection, number, grant, change.at)

    def revoke(self, grant_id: str, change: Change) -> Grant:
        """End a licence or a consent now, for queued jobs too."""
        with new_version(self._database, change, f"revoked {grant_id}") as (connection, number):
            return end_grant(connection, number, grant_id, change.at)

    def uses(
        self, grant_id: str, *, limit: int, after: str | None = None
    ) -> tuple[list[Use], bool]:
        """One page of a grant's uses, by job id; `NotFound` for an unknown grant."""
        with self._database.read() as connection:
            find_grant(connection, grant_id)
            return list_uses(connection, grant_id=grant_id, limit=limit, after=after)

    def uses_of_entity(
        self, entity_id: str, *, limit: int, after: str | None = None
    ) -> tuple[list[Use], bool]:
        """One page of all uses of an entity, whichever grant allowed them; `NotFound`."""
        with self._database.read() as connection:
            find_entity(connection, entity_id)
            return list_uses(connection, entity_id=entity_id, limit=limit, after=after)

    def lapsed(self, grant_ids: Sequence[str], now: datetime) -> tuple[str, ...]:
        """Those of a job's grants that no longer hold."""
        with self._database.read() as connection:
            return lapsed_grant_ids(connection, grant_ids, now)
