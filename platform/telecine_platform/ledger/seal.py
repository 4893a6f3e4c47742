"""Moves events from the outbox into the chain, in order, by one process at a time.

An event is deleted from the outbox by the transaction that puts it into the chain: none is lost,
none comes twice. Should two processes seal at once after all, the second one's numbers are taken
and its transaction fails as a whole.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from telecine_platform.jobs.database import Database
from telecine_platform.jobs.turns import take_turn
from telecine_platform.ledger.rows import event_from_row, newest_head, values_from_entry
from telecine_platform.ledger.tables import ledger, ledger_outbox
from telecine_safeguards.ledger.chain import seal

SEAL_S = 0.5
"""How often somebody looks for events to seal."""
BATCH = 500
"""Events of one transaction: some tens of milliseconds."""
_TURN = "ledger"
_SEAL_LOCK = 0x7E1EC3


def seal_due(database: Database, now: datetime) -> int:
    """Seal what waits, if there is something and it is this process's turn; returns how many."""
    if not _has_events(database) or not take_turn(database, _TURN, SEAL_S, now):
        return 0
    num_sealed = 0
    while (num_in_batch := seal_batch(database)) == BATCH:
        num_sealed += num_in_batch
    return num_sealed + num_in_batch


def seal_batch(database: Database) -> int:
    """Seal the oldest events, up to a batch; returns how many."""
    with database.write() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_SEAL_LOCK)))
        query = sa.select(ledger_outbox).order_by(ledger_outbox.c.id).limit(BATCH)
        rows = connection.execute(query).all()
        if not rows:
            return 0
        entries = seal(newest_head(connection), map(event_from_row, rows))
        connection.execute(sa.insert(ledger), [values_from_entry(entry) for entry in entries])
        sealed = [row.id for row in rows]
        connection.execute(sa.delete(ledger_outbox).where(ledger_outbox.c.id.in_(sealed)))
        return len(sealed)


def _has_events(database: Database) -> bool:
    with database.read() as connection:
        return connection.execute(sa.select(ledger_outbox.c.id).limit(1)).first() is not None
