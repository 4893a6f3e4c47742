"""Who may claim: accounts that an administrator verifies, and how their claims went."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from telecine_platform.errors import NotFound
from telecine_platform.jobs.database import Database, one_page
from telecine_platform.ledger.append import append_event
from telecine_platform.takedowns.records import Claimant, Record
from telecine_platform.takedowns.rows import claimant_from_row
from telecine_platform.takedowns.states import (
    LEGAL_CLAIMANT,
    OPEN_CLAIMS,
    ClaimantState,
    HoldState,
    check_change,
)
from telecine_platform.takedowns.tables import claimants, claims, holds
from telecine_safeguards.ledger.events import EventKind

_WAS_DOWN = [state for state in HoldState if state not in (HoldState.FOUND, HoldState.DROPPED)]


class Claimants:
    """Claimants' accounts; each call is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def apply(self, tenant_id: str, name: str, contact: str, now: datetime) -> Claimant:
        """Ask to be verified, or say anew who one is: that has to be verified again.

        A suspended claimant stays suspended.
        """
        with self._database.write() as connection:
            before = find_claimant(connection, tenant_id)
            values = {"name": name, "contact": contact}
            if before is None:
                row = values | {
                    "tenant_id": tenant_id, "state": ClaimantState.PENDING, "created_at": now,
                }  # fmt: skip
                connection.execute(sa.insert(claimants).values(row))
                _tell(connection, tenant_id, ClaimantState.PENDING, tenant_id, now)
            elif (before.name, before.contact) != (name, contact):
                is_known = before.state is ClaimantState.VERIFIED
                state = ClaimantState.PENDING if is_known else before.state
                connection.execute(
                    sa.update(claimants)
                    .where(claimants.c.tenant_id == tenant_id)
                    .values(values | {"state": state})
                )
                _tell(connection, tenant_id, state, tenant_id, now)
            return _found(connection, tenant_id)

    def get(self, tenant_id: str) -> Claimant:
        with self._database.read() as connection:
            return _found(connection, tenant_id)

    def list_claimants(
        self, *, limit: int, after: str | None = None
    ) -> tuple[list[Claimant], bool]:
        """One page by tenant, and whether there are more."""
        query = sa.select(claimants).order_by(claimants.c.tenant_id).limit(limit + 1)
        if after is not None:
            query = query.where(claimants.c.tenant_id > after)
        with self._database.read() as connection:
            page = [claimant_from_row(row) for row in connection.execute(query)]
        return one_page(page, limit)

    def set_state(
        self, tenant_id: str, state: ClaimantState, *, who: str, now: datetime
    ) -> Claimant:
        """Verify or suspend. A claimant that is verified begins with a clean record."""
        with self._database.write() as connection:
            before = _found(connection, tenant_id)
            check_change(f"claimant {tenant_id}", LEGAL_CLAIMANT, before.state, state)
            values: dict[str, object] = {"state": state}
            if state is ClaimantState.VERIFIED:
                values["verified_at"] = now
            connection.execute(
                sa.update(claimants).where(claimants.c.tenant_id == tenant_id).values(values)
            )
            _tell(connection, tenant_id, state, who, now)
            return _found(connection, tenant_id)

    def record(self, tenant_id: str, now: datetime) -> Record:
        """How its claims went since it was verified."""
        with self._database.read() as connection:
            return record_of(connection, tenant_id, now)


def find_claimant(connection: sa.Connection, tenant_id: str) -> Claimant | None:
    query = sa.select(claimants).where(claimants.c.tenant_id == tenant_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else claimant_from_row(row)


def record_of(connection: sa.Connection, tenant_id: str, now: datetime) -> Record:
    """How a tenant's claims went since it was last verified."""
    verified = sa.select(claimants.c.verified_at).where(claimants.c.tenant_id == tenant_id)
    verified_at = connection.execute(verified).scalar_one_or_none()
    own = sa.select(sa.func.count()).where(claims.c.tenant_id == tenant_id)
    last_day = own.where(claims.c.filed_at > now - timedelta(days=1))
    is_open = own.where(claims.c.state.in_(OPEN_CLAIMS))
    of_own = (
        sa.select(holds.c.state, sa.func.count(), sa.func.count(holds.c.counter_text))
        .join(claims, claims.c.id == holds.c.claim_id)
        .where(claims.c.tenant_id == tenant_id, holds.c.state.in_(_WAS_DOWN))
        .group_by(holds.c.state)
    )
    if verified_at is not None:
        of_own = of_own.where(claims.c.filed_at >= verified_at)
    counts = {state: (num, countered) for state, num, countered in connection.execute(of_own)}
    return Record(
        num_claims_last_day=connection.execute(last_day).scalar_one(),
        num_open_claims=connection.execute(is_open).scalar_one(),
        num_held=sum(num for num, _ in counts.values()),
        num_countered=sum(countered for _, countered in counts.values()),
        num_upheld=counts.get(HoldState.UPHELD, (0, 0))[0],
        num_reinstated=counts.get(HoldState.REINSTATED, (0, 0))[0],
    )


def _found(connection: sa.Connection, tenant_id: str) -> Claimant:
    claimant = find_claimant(connection, tenant_id)
    if claimant is None:
        raise NotFound(f"tenant {tenant_id} has no claimant's account")
    return claimant


def _tell(
    connection: sa.Connection, tenant_id: str, state: ClaimantState, who: str, now: datetime
) -> None:
    append_event(connection, EventKind.CLAIMANT, tenant_id, {"state": state, "who": who}, now)
