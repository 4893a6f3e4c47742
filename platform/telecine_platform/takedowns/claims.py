"""Claims: filed by a verified claimant, decided by an administrator.

Invariant: a claim and its entity in the registry change in one transaction, which makes a version;
every replica follows that within seconds (`rights/follow.py`).
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from telecine_platform.errors import IllegalTransition, InvalidRequest, NotFound
from telecine_platform.jobs.database import Database, one_page
from telecine_platform.ledger.append import append_event
from telecine_platform.rights.entities import change_status, find_entity, insert_proposal
from telecine_platform.rights.records import Change
from telecine_platform.rights.rows import values_from_entity
from telecine_platform.rights.screening import check_usable
from telecine_platform.rights.tables import entities
from telecine_platform.rights.versions import new_version
from telecine_platform.takedowns.claimants import find_claimant, record_of
from telecine_platform.takedowns.holds import end_holds
from telecine_platform.takedowns.query import bytes_from_query, query_from_hashes
from telecine_platform.takedowns.records import Claim, NewClaim
from telecine_platform.takedowns.rows import claim_from_row
from telecine_platform.takedowns.rules import BROAD_CLIPS, check_claim, check_may_file
from telecine_platform.takedowns.states import LEGAL_CLAIM, ClaimState, HoldState, check_change
from telecine_platform.takedowns.tables import claims, holds
from telecine_safeguards.ledger.events import EventKind, digest
from telecine_safeguards.registry.entities import Entity, EntityStatus


class Claims:
    """Claims in the jobs' database. Raises `StoreUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def file(self, tenant_id: str, claim: NewClaim, now: datetime) -> Claim:
        """Take a claim; its entity is proposed when this returns.

        Raises `ClaimantLimited`, `TooManyRequests` or `InvalidRequest`.
        """
        check_claim(claim)
        claim_id = f"claim_{secrets.token_hex(10)}"
        with self._database.read() as connection:
            claimant = find_claimant(connection, tenant_id)
            check_may_file(claimant, record_of(connection, tenant_id, now))
        assert claimant is not None  # or the line above has raised
        entity = _entity(claim_id, claim, claimant.name)
        check_usable([entity])
        change = Change(who=tenant_id, at=now)
        with new_version(self._database, change, f"claimed {entity.id}") as (connection, number):
            # Again, as filing takes turns here: many at once cannot pass the limits together.
            check_may_file(claimant, record_of(connection, tenant_id, now))
            insert_proposal(connection, number, entity, tenant_id)
            connection.execute(
                sa.insert(claims).values(
                    id=claim_id,
                    tenant_id=tenant_id,
                    title=claim.title,
                    entity_id=entity.id,
                    names=list(claim.names),
                    state=ClaimState.FILED,
                    filed_at=now,
                    query=bytes_from_query(query_from_hashes(claim.reference_hashes)),
                    is_studied=not claim.has_reference,
                    is_search_complete=False,
                    max_clips=BROAD_CLIPS,
                )
            )
            _tell(connection, claim_id, ClaimState.FILED, entity, tenant_id, now)
            return _claim(connection, claim_id)

    def get(self, claim_id: str, tenant_id: str | None) -> Claim:
        """A tenant's claim; None: anybody's. A stranger's is as unknown as none."""
        with self._database.read() as connection:
            return _claim(connection, claim_id, tenant_id)

    def list_claims(
        self, tenant_id: str | None, *, state: ClaimState | None = None, limit: int,
        after: str | None = None,
    ) -> tuple[list[Claim], bool]:  # fmt: skip
        """One page of a tenant's claims (None: everybody's) by id, and whether there are more."""
        query = sa.select(claims).order_by(claims.c.id).limit(limit + 1)
        if tenant_id is not None:
            query = query.where(claims.c.tenant_id == tenant_id)
        if state is not None:
            query = query.where(claims.c.state == state)
        if after is not None:
            query = query.where(claims.c.id > after)
        with self._database.read() as connection:
            page = [claim_from_row(row) for row in connection.execute(query)]
        return one_page(page, limit)

    def set_reference(self, claim_id: str, tenant_id: str, key: str) -> Claim:
        """Note where the media of a filed claim lie; a replica looks at them next."""
        with self._database.write() as connection:
            claim = _claim(connection, claim_id, tenant_id, lock=True)
            if claim.state is not ClaimState.FILED:
                raise IllegalTransition(f"{claim_id} is {claim.state}: it takes no more media")
            values = {"reference": key, "is_studied": False, "reference_problem": None}
            _update(connection, claim_id, values)
            return _claim(connection, claim_id)

    def are_any(self) -> bool:
        """Whether a claim was ever filed here."""
        with self._database.read() as connection:
            return connection.execute(sa.select(claims.c.id).limit(1)).first() is not None

    def next_to_study(self) -> Claim | None:
        """An open claim whose media nobody has looked at."""
        query = (
            sa.select(claims)
            .where(
                claims.c.is_search_complete.is_(False),
                claims.c.state.in_((ClaimState.FILED, ClaimState.VERIFIED)),
                claims.c.is_studied.is_(False),
                claims.c.reference.is_not(None),
            )
            .order_by(claims.c.id)
            .limit(1)
        )
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
            return None if row is None else claim_from_row(row)

    def studied(
        self, claim: Claim, reference_hashes: tuple[str, ...], query: bytes, now: datetime
    ) -> None:
        """Keep what the media look like: on the entity for new clips, here for released ones."""
        change = Change(who="telecine", at=now)
        what = f"media of {claim.entity_id}"
        with new_version(self._database, change, what) as (connection, number):
            if _claim(connection, claim.id, lock=True).reference != claim.reference:
                return  # other media came meanwhile
            entity = find_entity(connection, claim.entity_id).entity
            known = dict.fromkeys((*entity.reference_hashes, *reference_hashes))
            values = values_from_entity(replace(entity, reference_hashes=tuple(known)), number)
            connection.execute(sa.update(entities).where(entities.c.id == entity.id).values(values))
            before = connection.execute(
                sa.select(claims.c.query).where(claims.c.id == claim.id)
            ).scalar_one()
            _update(
                connection,
                claim.id,
                {"is_studied": True, "query": before + query, "searched_at": None},
            )

    def not_studied(self, claim: Claim, problem: str) -> None:
        """The media cannot be looked at: the claimant reads why, and can send others."""
        with self._database.write() as connection:
            values = {"is_studied": True, "reference_problem": problem[:300]}
            _update(connection, claim.id, values)

    def verify(self, claim_id: str, *, who: str, confirm_clips: int | None, now: datetime) -> Claim:
        """Believe a claim: from now on a match is blocked, and released ones are taken down.

        A claim that matches more than `BROAD_CLIPS` needs the number of its matches as a
        confirmation. Raises `InvalidRequest` without it.
        """
        with new_version(self._database, Change(who=who, at=now), f"verified {claim_id}") as (
            connection,
            number,
        ):
            claim = _claim(connection, claim_id, lock=True)
            check_change(claim_id, LEGAL_CLAIM, claim.state, ClaimState.VERIFIED)
            max_clips = _confirmed(connection, claim, confirm_clips)
            registered = change_status(
                connection, number, claim.entity_id, EntityStatus.VERIFIED, claim.tenant_id
            )
            values = {
                "state": ClaimState.VERIFIED, "decided_at": now, "max_clips": max_clips,
                "searched_at": None, "is_search_complete": False,
            }  # fmt: skip
            _update(connection, claim_id, values)
            _tell(connection, claim_id, ClaimState.VERIFIED, registered.entity, who, now)
            return _claim(connection, claim_id)

    def confirm(self, claim_id: str, *, who: str, confirm_clips: int, now: datetime) -> Claim:
        """Let a verified claim take down as many clips as it was found to match."""
        with self._database.write() as connection:
            claim = _claim(connection, claim_id, lock=True)
            if claim.state is not ClaimState.VERIFIED:
                raise IllegalTransition(f"{claim_id} is {claim.state}, not verified")
            max_clips = _confirmed(connection, claim, confirm_clips)
            _update(connection, claim_id, {"max_clips": max_clips})
            body = {"state": claim.state, "who": who, "max_clips": max_clips}
            append_event(connection, EventKind.CLAIM, claim_id, body, now)
            return _claim(connection, claim_id)

    def end(
        self, claim_id: str, state: ClaimState, *, who: str, tenant_id: str | None, now: datetime
    ) -> Claim:
        """Reject or retract a claim: its entity is withdrawn, and what it took down comes back,
        but for what was upheld."""
        with new_version(self._database, Change(who=who, at=now), f"{state} {claim_id}") as (
            connection,
            number,
        ):
            claim = _claim(connection, claim_id, tenant_id, lock=True)
            check_change(claim_id, LEGAL_CLAIM, claim.state, state)
            registered = find_entity(connection, claim.entity_id)
            if registered.entity.status is not EntityStatus.WITHDRAWN:
                registered = change_status(
                    connection, number, claim.entity_id, EntityStatus.WITHDRAWN, None
                )
            _update(connection, claim_id, {"state": state, "decided_at": now})
            end_holds(connection, claim_id, who, now)
            _tell(connection, claim_id, state, registered.entity, who, now)
            return _claim(connection, claim_id)


def _entity(claim_id: str, claim: NewClaim, rights_holder: str) -> Entity:
    """Without names it is called by the claim's id, which stands in no prompt."""
    name, *aliases = claim.names or (claim_id,)
    return Entity(
        id=f"claimed-{claim_id.removeprefix('claim_')}",
        kind=claim.kind,
        name=name,
        rights_holder=rights_holder,
        status=EntityStatus.PROPOSED,
        aliases=tuple(aliases),
        ambiguous=bool(claim.context_words),
        context_words=claim.context_words,
        reference_hashes=claim.reference_hashes,
    )


def _confirmed(connection: sa.Connection, claim: Claim, confirm_clips: int | None) -> int:
    counted = sa.select(sa.func.count()).where(
        holds.c.claim_id == claim.id, holds.c.state != HoldState.DROPPED
    )
    num_clips = connection.execute(counted).scalar_one()
    if num_clips <= claim.max_clips or confirm_clips == num_clips:
        return max(num_clips, claim.max_clips)
    raise InvalidRequest(
        f"{claim.id} matches {num_clips} clips so far, more than {claim.max_clips}: look whether "
        f"its names are ordinary words, and confirm with confirm_clips: {num_clips}",
        param="confirm_clips",
        code="broad_claim",
    )


def _claim(
    connection: sa.Connection, claim_id: str, tenant_id: str | None = None, *, lock: bool = False
) -> Claim:
    query = sa.select(claims).where(claims.c.id == claim_id)
    if tenant_id is not None:
        query = query.where(claims.c.tenant_id == tenant_id)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise NotFound(f"no claim {claim_id[:64]!r}")
    return claim_from_row(row)


def _update(connection: sa.Connection, claim_id: str, values: dict[str, object]) -> None:
    connection.execute(sa.update(claims).where(claims.c.id == claim_id).values(values))


def _tell(
    connection: sa.Connection,
    claim_id: str,
    state: ClaimState,
    entity: Entity,
    who: str,
    now: datetime,
) -> None:
    body = {
        "state": state, "who": who, "entity_id": entity.id,
        "entity_sha256": digest([entity.kind, *entity.names, *entity.reference_hashes]),
    }  # fmt: skip
    append_event(connection, EventKind.CLAIM, claim_id, body, now)
