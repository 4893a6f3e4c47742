"""What a rights holder earned in a period: a sum over the ledger's entries and nothing else.

A use is payable once its clip is released, and counts in the period of the release. Uses with the
same grant, price and shares make one line; the line's total is split among its holders by
`money.split`, so that the holders' amounts of a line sum to its total exactly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from telecine_safeguards.ledger.chain import Entry
from telecine_safeguards.ledger.events import EventKind, object_from_body
from telecine_safeguards.ledger.money import split


@dataclass(frozen=True, slots=True, order=True)
class _Terms:
    """What uses have in common that make one line."""

    grant_id: str
    entity_id: str
    tenant_id: str
    currency: str
    price_minor: int
    shares: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The uses of one grant at one price."""

    grant_id: str
    entity_id: str
    tenant_id: str
    """Who used it."""
    num_uses: int
    price_minor: int
    """For each use, in minor units of `currency`, as all amounts."""
    currency: str
    total_minor: int
    """Of all holders."""
    parts: int
    """Of the holder, out of `all_parts`."""
    all_parts: int
    amount_minor: int
    """The holder's share of the total."""


def statement_lines(
    holder: str, releases: Iterable[Entry], uses: Iterable[Entry]
) -> tuple[Line, ...]:
    """The holder's lines for the releases of a period, in the order of grants.

    `uses` may hold more than the released jobs' uses; what was not released does not count.
    """
    released = {entry.subject for entry in releases if entry.kind == EventKind.RELEASE}
    counted: Counter[_Terms] = Counter()
    for entry in uses:
        if entry.kind == EventKind.LICENCE_USE and entry.subject in released:
            terms = _terms(entry.body)
            if any(name == holder for name, _ in terms.shares):
                counted[terms] += 1
    return tuple(_line(holder, terms, counted[terms]) for terms in sorted(counted))


def totals_minor(lines: Iterable[Line]) -> dict[str, int]:
    """The sum of the holder's amounts by currency."""
    totals: Counter[str] = Counter()
    for line in lines:
        totals[line.currency] += line.amount_minor
    return dict(sorted(totals.items()))


def _terms(body: str) -> _Terms:
    value = object_from_body(body)
    return _Terms(
        grant_id=value["grant_id"],
        entity_id=value["entity_id"],
        tenant_id=value["tenant_id"],
        currency=value["currency"],
        price_minor=value["price_minor"],
        shares=tuple(sorted(value["shares"].items())),
    )


def _line(holder: str, terms: _Terms, num_uses: int) -> Line:
    shares = dict(terms.shares)
    total_minor = num_uses * terms.price_minor
    return Line(
        grant_id=terms.grant_id,
        entity_id=terms.entity_id,
        tenant_id=terms.tenant_id,
        num_uses=num_uses,
        price_minor=terms.price_minor,
        currency=terms.currency,
        total_minor=total_minor,
        parts=shares[holder],
        all_parts=sum(shares.values()),
        amount_minor=split(total_minor, shares)[holder],
    )
