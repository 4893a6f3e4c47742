"""Orders and lifts halts. A halt counts from the moment its first transaction has ended; the long
queue behind it is cleared afterwards, in batches, and by every claim that meets one of its jobs.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from functools import partial

import sqlalchemy as sa

from telecine_platform.errors import NotFound
from telecine_platform.halts.records import Halt, HaltKind, HaltMode
from telecine_platform.halts.stop import (
    BATCH,
    cancel_running,
    halt_from_row,
    halts_in_force,
    let_go,
    set_aside,
)
from telecine_platform.halts.tables import halts
from telecine_platform.jobs.database import Database, one_page
from telecine_platform.jobs.tables import jobs
from telecine_platform.ledger.append import append_event
from telecine_safeguards.ledger.events import EventKind

logger = logging.getLogger(__name__)

CLEAR_S = 0.5
"""How long a call goes on clearing the queue; the reaper does the rest, this much in a round."""


class HaltStore:
    """Halts in the jobs' database. Raises `StoreUnavailable` when it does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def order(
        self, kind: HaltKind, value: str, *, mode: HaltMode, reason: str, who: str, now: datetime
    ) -> Halt:
        """Stop a model, tenant or region. When this returns, nothing of it is claimed or released.

        A halt in force on the same thing is returned as it is, unless the modes differ.
        """
        halt = Halt(
            id=f"halt_{secrets.token_hex(10)}",
            kind=kind,
            value=value,
            mode=mode,
            reason=reason,
            who=who,
            created_at=now,
            lifted_at=None,
            lifted_by=None,
        )
        with self._database.write() as connection:
            _keep_claims_out(connection)
            for same in halts_in_force(connection):
                if (same.kind, same.value, same.mode) == (kind, value, mode):
                    return same
            connection.execute(sa.insert(halts).values(**asdict(halt)))
            ordered = {"kind": kind, "value": value, "mode": mode, "who": who}
            append_event(connection, EventKind.HALT, halt.id, ordered, now)
            cancelled = cancel_running(connection, halt, now)
        logger.warning(
            "halted", extra={"action": "halted", "halt_id": halt.id, "num_jobs": len(cancelled)}
        )
        self._in_batches(partial(set_aside, halt=halt, now=now))
        return halt

    def lift(self, halt_id: str, *, who: str, now: datetime) -> Halt:
        """End a halt: what waited because of it alone is queued again. Twice changes nothing."""
        with self._database.write() as connection:
            _keep_claims_out(connection)
            row = connection.execute(sa.select(halts).where(halts.c.id == halt_id)).one_or_none()
            if row is None:
                raise NotFound(f"no halt {halt_id!r}; list them to see their ids")
            if row.lifted_at is None:
                row = connection.execute(
                    sa.update(halts)
                    .where(halts.c.id == halt_id)
                    .values(lifted_at=now, lifted_by=who)
                    .returning(halts)
                ).one()
                append_event(connection, EventKind.HALT_LIFTED, halt_id, {"who": who}, now)
                logger.warning("lifted", extra={"action": "halt_lifted", "halt_id": halt_id})
            lifted = halt_from_row(row)
        self._in_batches(partial(let_go, now=now))
        return lifted

    def in_force(self) -> list[Halt]:
        """Every halt that is not lifted, oldest first."""
        with self._database.read() as connection:
            return halts_in_force(connection)

    def list_halts(self, *, limit: int, after: str | None = None) -> tuple[list[Halt], bool]:
        """One page of all halts, lifted ones too, by id; and whether there are more."""
        query = sa.select(halts).order_by(halts.c.id).limit(limit + 1)
        if after is not None:
            query = query.where(halts.c.id > after)
        with self._database.read() as connection:
            page = [halt_from_row(row) for row in connection.execute(query)]
        return one_page(page, limit)

    def apply(self, now: datetime) -> int:
        """Finish what `order` and `lift` left over; returns how many jobs changed.

        For the reaper: it also heals what a process that was killed in between left behind.
        """
        num_changed = self._in_batches(partial(let_go, now=now))
        for halt in self.in_force():
            num_changed += self._in_batches(partial(set_aside, halt=halt, now=now))
        return num_changed

    def _in_batches(self, change: Callable[[sa.Connection], int]) -> int:
        num_changed, started_s = 0, time.monotonic()
        while True:
            with self._database.write() as connection:
                num_in_batch = change(connection)
            num_changed += num_in_batch
            if num_in_batch < BATCH or time.monotonic() - started_s > CLEAR_S:
                return num_changed


def _keep_claims_out(connection: sa.Connection) -> None:
    """Wait for open claims and outcomes, and let none begin until this transaction has ended.

    EXCLUSIVE, because it conflicts with the claim's first statement, SELECT FOR UPDATE. SQLite has
    one writer at a time anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text(f"LOCK TABLE {jobs.name} IN EXCLUSIVE MODE"))
