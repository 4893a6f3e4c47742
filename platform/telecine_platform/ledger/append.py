"""Appends an event in the transaction of the fact that it records: neither is there alone.

Nothing is locked: the chain is made later, by one process at a time (`seal.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from telecine_platform.ledger.tables import ledger_outbox
from telecine_safeguards.ledger.events import EventKind, canonical


def append_event(
    connection: sa.Connection,
    kind: EventKind,
    subject: str,
    body: Mapping[str, object],
    now: datetime,
) -> None:
    """Owe the ledger one event."""
    append_events(connection, kind, [(subject, body)], now)


def append_events(
    connection: sa.Connection,
    kind: EventKind,
    facts: Sequence[tuple[str, Mapping[str, object]]],
    now: datetime,
) -> None:
    """The same for several of one kind: subjects and bodies."""
    values = [
        {"at": now, "kind": kind, "subject": subject, "body": canonical(body)}
        for subject, body in facts
    ]
    if values:
        connection.execute(sa.insert(ledger_outbox), values)
