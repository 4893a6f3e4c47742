"""Holds: what a claim does to one clip, and what both sides and the clock do about it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from telecine_platform.errors import InvalidRequest, NotFound
from telecine_platform.jobs.database import Database, one_page
from telecine_platform.ledger.append import append_event
from telecine_platform.settings import Settings
from telecine_platform.takedowns.records import Hold
from telecine_platform.takedowns.rows import hold_from_row
from telecine_platform.takedowns.rules import due_at, state_when_due
from telecine_platform.takedowns.states import LEGAL_HOLD, HoldState, check_change
from telecine_platform.takedowns.tables import claims, holds
from telecine_safeguards.ledger.events import EventKind, digest

_BATCH = 100
_IS_VISIBLE = holds.c.state.not_in((HoldState.FOUND, HoldState.DROPPED))
"""What a clip's owner is told of: a claim that nobody has verified is none of theirs."""


class Holds:
    """Holds in the jobs' database; each call is one transaction."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings

    def of_claim(
        self, claim_id: str, *, limit: int, after: str | None = None
    ) -> tuple[list[Hold], bool]:
        """One page of a claim's clips by job, and whether there are more."""
        query = sa.select(holds).where(holds.c.claim_id == claim_id)
        return self._page(query, limit, after)

    def of_owner(
        self, tenant_id: str, *, limit: int, after: str | None = None
    ) -> tuple[list[Hold], bool]:
        """One page of what was done to a tenant's clips, by job."""
        query = sa.select(holds).where(holds.c.tenant_id == tenant_id, _IS_VISIBLE)
        return self._page(query, limit, after)

    def counter(self, claim_id: str, job_id: str, tenant_id: str, text: str, now: datetime) -> Hold:
        """The clip's owner objects. Raises `IllegalTransition` when it is too late."""
        return self._move(
            claim_id, job_id, HoldState.COUNTERED, tenant_id, now,
            owner=tenant_id, texts={"counter_text": text},
        )  # fmt: skip

    def contest(self, claim_id: str, job_id: str, tenant_id: str, text: str, now: datetime) -> Hold:
        """The claimant answers the objection: an administrator decides."""
        return self._move(
            claim_id, job_id, HoldState.CONTESTED, tenant_id, now,
            claimant=tenant_id, texts={"answer_text": text},
        )  # fmt: skip

    def decide(
        self, claim_id: str, job_id: str, state: HoldState, *, who: str, now: datetime
    ) -> Hold:
        """An administrator's word: uphold, reinstate or drop."""
        return self._move(claim_id, job_id, state, who, now)

    def end_due(self, now: datetime) -> int:
        """End what nobody has answered in time; returns how many."""
        query = (
            sa.select(holds)
            .where(
                holds.c.state.in_((HoldState.WITHDRAWN, HoldState.COUNTERED)),
                holds.c.due_at <= now,
            )
            .limit(_BATCH)
        )
        with self._database.read() as connection:
            if connection.execute(query.limit(1)).first() is None:
                return 0
        with self._database.write() as connection:
            rows = connection.execute(query.with_for_update(skip_locked=True)).all()
            for row in rows:
                state = state_when_due(HoldState(row.state))
                move_hold(connection, row, state, "telecine", now)
            return len(rows)

    def _move(
        self,
        claim_id: str,
        job_id: str,
        state: HoldState,
        who: str,
        now: datetime,
        *,
        owner: str | None = None,
        claimant: str | None = None,
        texts: Mapping[str, str] | None = None,
    ) -> Hold:
        query = sa.select(holds).where(holds.c.claim_id == claim_id, holds.c.job_id == job_id)
        if owner is not None:
            query = query.where(holds.c.tenant_id == owner, _IS_VISIBLE)
        if claimant is not None:
            own = sa.select(claims.c.id).where(claims.c.tenant_id == claimant)
            query = query.where(holds.c.claim_id.in_(own))
        with self._database.write() as connection:
            row = connection.execute(query.with_for_update()).one_or_none()
            if row is None:
                raise NotFound(f"claim {claim_id[:64]!r} has no clip {job_id[:64]!r} of yours")
            due = due_at(state, now, self._settings)
            moved = move_hold(connection, row, state, who, now, due=due, texts=texts or {})
            return hold_from_row(moved)

    def _page(
        self, query: sa.Select[tuple[object, ...]], limit: int, after: str | None
    ) -> tuple[list[Hold], bool]:
        if after is not None:
            query = query.where(holds.c.job_id > after)
        query = query.order_by(holds.c.job_id, holds.c.claim_id).limit(limit + 1)
        with self._database.read() as connection:
            page = [hold_from_row(row) for row in connection.execute(query)]
        return one_page(page, limit)


def move_hold(
    connection: sa.Connection,
    row: sa.Row[Any],  # Any: a whole-table row
    state: HoldState,
    who: str,
    now: datetime,
    *,
    due: datetime | None = None,
    texts: Mapping[str, str] = {},
) -> sa.Row[Any]:
    """Write a hold's next state, whose row is locked, and tell the ledger."""
    check_change(f"clip {row.job_id} of {row.claim_id}", LEGAL_HOLD, HoldState(row.state), state)
    if row.due_at is not None and row.due_at <= now and who != "telecine" and texts:
        raise InvalidRequest(f"the time to answer ended at {row.due_at:%F %T} UTC", code="too_late")
    is_end = not LEGAL_HOLD[state]
    values = {"state": state, "due_at": due, "decided_at": now if is_end else None, **texts}
    moved = connection.execute(
        sa.update(holds)
        .where(holds.c.claim_id == row.claim_id, holds.c.job_id == row.job_id)
        .values(values)
        .returning(holds)
    ).one()
    body = {"claim_id": row.claim_id, "state": state, "by": row.by, "who": who}
    body |= {f"{name}_sha256": digest(text) for name, text in texts.items()}
    append_event(connection, EventKind.CLIP_CLAIM, row.job_id, body, now)
    return moved


def end_holds(connection: sa.Connection, claim_id: str, who: str, now: datetime) -> None:
    """Its claim has ended: give back what is not decided for good."""
    query = sa.select(holds).where(holds.c.claim_id == claim_id).with_for_update()
    for row in connection.execute(query).all():
        state = HoldState(row.state)
        if LEGAL_HOLD[state]:
            is_down = state is not HoldState.FOUND
            ending = HoldState.REINSTATED if is_down else HoldState.DROPPED
            move_hold(connection, row, ending, who, now)
