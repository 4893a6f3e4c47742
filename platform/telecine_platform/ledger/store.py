"""Reads the chain: page by page, from any row on, at one moment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from telecine_platform.jobs.database import Database
from telecine_platform.ledger.rows import entry_from_row, newest_head
from telecine_platform.ledger.tables import ledger, ledger_outbox
from telecine_safeguards.ledger.chain import Entry, Head
from telecine_safeguards.ledger.events import EventKind

_PAGE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsealed:
    """What waits for the sealer."""

    num_events: int
    oldest_at: datetime | None


class Ledger:
    """The sealed chain on SQLite or PostgreSQL. Raises `StoreUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def head(self) -> Head | None:
        """The chain's end; None: it is empty."""
        with self._database.read() as connection:
            return newest_head(connection)

    def entries(self, after: int = 0, until: int | None = None) -> Iterator[Entry]:
        """Rows `after < number <= until` in order; each page is a transaction of its own."""
        while page := self._page(after, until):
            yield from page
            after = page[-1].number

    def releases(self, start_at: datetime, end_at: datetime) -> list[Entry]:
        """The releases of a period, its end excluded."""
        query = sa.select(ledger).where(
            ledger.c.kind == EventKind.RELEASE, ledger.c.at >= start_at, ledger.c.at < end_at
        )
        return self._read(query)

    def uses_of_released(self, start_at: datetime, end_at: datetime) -> list[Entry]:
        """The licence uses of the jobs that were released in a period, whenever they were."""
        released = sa.select(ledger.c.subject).where(
            ledger.c.kind == EventKind.RELEASE, ledger.c.at >= start_at, ledger.c.at < end_at
        )
        query = sa.select(ledger).where(
            ledger.c.kind == EventKind.LICENCE_USE, ledger.c.subject.in_(released)
        )
        return self._read(query)

    def about(self, subject: str) -> list[Entry]:
        """All entries about one thing, oldest first."""
        return self._read(sa.select(ledger).where(ledger.c.subject == subject))

    def unsealed(self) -> Unsealed:
        """What is written but not chained yet: normally nothing that is older than a second."""
        query = sa.select(sa.func.count(), sa.func.min(ledger_outbox.c.at))
        with self._database.read() as connection:
            num_events, oldest_at = connection.execute(query).one()
        return Unsealed(num_events=num_events, oldest_at=oldest_at)

    def _page(self, after: int, until: int | None) -> list[Entry]:
        query = sa.select(ledger).where(ledger.c.number > after).limit(_PAGE)
        return self._read(query if until is None else query.where(ledger.c.number <= until))

    def _read(self, query: sa.Select[tuple[object, ...]]) -> list[Entry]:
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(ledger.c.number))
            return [entry_from_row(row) for row in rows]
