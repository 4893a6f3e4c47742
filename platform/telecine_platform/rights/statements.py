"""A rights holder's statement for a month, summed over sealed ledger entries and nothing else.

A line's total is uses times price; a holder's amount is its parts of that total, rounded by the
largest remainder (`telecine_safeguards.ledger.money.split`). Nothing else is rounded.
"""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime

from telecine_platform.errors import InvalidRequest
from telecine_platform.ledger.store import Ledger
from telecine_safeguards.ledger.attribution import Line, statement_lines, totals_minor
from telecine_safeguards.ledger.chain import Head

PERIOD_PATTERN = r"^2[0-9]{3}-(0[1-9]|1[0-2])$"
CSV_COLUMNS = ("holder", "period", *(field.name for field in fields(Line)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What one holder earned in one month, UTC."""

    holder: str
    period: str
    """`2026-11`."""
    is_final: bool
    """Whether the month is over and everything in it is sealed: it will not change any more."""
    head: Head | None
    """The ledger's end when this was summed; None: it was empty."""
    lines: tuple[Line, ...]

    @property
    def totals_minor(self) -> dict[str, int]:
        """By currency, in its minor unit."""
        return totals_minor(self.lines)


def statement_of(ledger: Ledger, holder: str, period: str, now: datetime) -> Statement:
    """Sum up a month that matches `PERIOD_PATTERN`. Raises `InvalidRequest` for one to come."""
    start_at, end_at = _bounds(period)
    if start_at > now:
        raise InvalidRequest(f"period {period} has not begun yet", param="period")
    oldest_at = ledger.unsealed().oldest_at
    return Statement(
        holder=holder,
        period=period,
        is_final=now >= end_at and (oldest_at is None or oldest_at >= end_at),
        head=ledger.head(),
        lines=statement_lines(
            holder, ledger.releases(start_at, end_at), ledger.uses_of_released(start_at, end_at)
        ),
    )


def csv_from_statement(statement: Statement) -> str:
    """One row for each line, with a header (RFC 4180)."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(CSV_COLUMNS)
    for line in statement.lines:
        writer.writerow((statement.holder, statement.period, *asdict(line).values()))
    return text.getvalue()


def _bounds(period: str) -> tuple[datetime, datetime]:
    """First moment of the month, and of the next one."""
    year, month = map(int, period.split("-"))
    following = (year + 1, 1) if month == 12 else (year, month + 1)
    return datetime(year, month, 1, tzinfo=UTC), datetime(*following, 1, tzinfo=UTC)
