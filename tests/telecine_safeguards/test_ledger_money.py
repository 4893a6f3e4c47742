"""Money is whole, splits sum exactly, and a statement is what its entries add up to."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telecine_safeguards.ledger.attribution import statement_lines, totals_minor
from telecine_safeguards.ledger.chain import Entry, seal
from telecine_safeguards.ledger.events import Event, EventKind, canonical
from telecine_safeguards.ledger.money import (
    is_whole_minor,
    minor_from_price,
    price_from_minor,
    split,
)
from tests.records import at

parts = st.dictionaries(st.text(min_size=1, max_size=3), st.integers(1, 1000), min_size=1)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**12), parts)
def test_split_sums_exactly_and_nobody_is_off_by_a_unit(
    amount_minor: int, shares: dict[str, int]
) -> None:
    found = split(amount_minor, shares)
    assert sum(found.values()) == amount_minor
    total = sum(shares.values())
    for holder, each in found.items():
        assert abs(each * total - amount_minor * shares[holder]) < total


def test_left_over_units_go_to_the_largest_remainder_then_by_name() -> None:
    assert split(100, {"a": 1, "b": 1, "c": 1}) == {"a": 34, "b": 33, "c": 33}
    assert split(10, {"a": 1, "b": 2}) == {"a": 3, "b": 7}
    with pytest.raises(ValueError, match="positive"):
        split(1, {"a": 0})


@pytest.mark.parametrize(
    ("price", "currency", "minor", "shown"),
    [
        ("1.50", "USD", 150, "1.50"),
        ("1.5", "KWD", 1500, "1.500"),
        ("7", "JPY", 7, "7"),
        ("0.125", "USD", 12, "0.12"),  # half to even
        ("0.135", "USD", 14, "0.14"),
    ],
)
def test_price_and_minor_units(price: str, currency: str, minor: int, shown: str) -> None:
    assert minor_from_price(Decimal(price), currency) == minor
    assert price_from_minor(minor, currency) == shown
    is_exact = Decimal(price) == Decimal(shown)
    assert is_whole_minor(Decimal(price), currency) == is_exact


def use(job: str, price_minor: int, shares: dict[str, int], grant: str = "g") -> Event:
    body = {
        "grant_id": grant, "entity_id": "zorb", "tenant_id": "acme", "currency": "USD",
        "price_minor": price_minor, "shares": shares,
    }  # fmt: skip
    return Event(at=at(0), kind=EventKind.LICENCE_USE, subject=job, body=canonical(body))


def release(job: str) -> Event:
    return Event(at=at(1), kind=EventKind.RELEASE, subject=job, body="{}")


def lines_for(holder: str, *events: Event) -> dict[str, int]:
    entries: list[Entry] = seal(None, events)
    return totals_minor(statement_lines(holder, entries, entries))


def test_only_released_uses_count_and_holders_sum_to_the_total() -> None:
    shares = {"zorb": 2, "co": 1}
    events = [use("j1", 100, shares), use("j2", 100, shares), use("j3", 100, shares), release("j1")]
    assert lines_for("zorb", *events) == {"USD": 67}
    assert lines_for("co", *events) == {"USD": 33}
    events.append(release("j2"))
    assert (lines_for("zorb", *events), lines_for("co", *events)) == ({"USD": 133}, {"USD": 67})
    assert lines_for("stranger", *events) == {}


def test_changed_shares_and_prices_make_lines_of_their_own() -> None:
    events = seal(
        None,
        [use("j1", 100, {"a": 1}), use("j2", 100, {"a": 1, "b": 1}), use("j3", 70, {"a": 1})]
        + [release(job) for job in ("j1", "j2", "j3")],
    )
    lines = statement_lines("a", events, events)
    assert sorted((line.price_minor, line.parts, line.all_parts) for line in lines) == [
        (70, 1, 1), (100, 1, 1), (100, 1, 2),
    ]  # fmt: skip
    assert totals_minor(lines) == {"USD": 220}
