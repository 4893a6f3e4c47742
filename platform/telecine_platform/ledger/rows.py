"""Rows of the ledger's tables <-> records."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from telecine_platform.ledger.tables import ledger
from telecine_safeguards.ledger.chain import Entry, Head
from telecine_safeguards.ledger.events import Event, EventKind


def event_from_row(row: sa.Row[Any]) -> Event:  # Any: a whole-table row
    return Event(at=row.at, kind=EventKind(row.kind), subject=row.subject, body=row.body)


def entry_from_row(row: sa.Row[Any]) -> Entry:
    return Entry(**row._asdict())


def values_from_entry(entry: Entry) -> dict[str, Any]:  # Any: column values
    return asdict(entry)


def newest_head(connection: sa.Connection) -> Head | None:
    """The chain's end; None: nothing has been sealed yet."""
    query = sa.select(ledger).order_by(ledger.c.number.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return None if row is None else Head(number=row.number, hash=row.hash, at=row.at)
