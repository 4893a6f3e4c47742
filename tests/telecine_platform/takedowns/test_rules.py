"""The tables of states, and who may file."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import pytest

from telecine_platform.errors import IllegalTransition, InvalidRequest, TelecineError
from telecine_platform.takedowns.records import Claimant, NewClaim, Record
from telecine_platform.takedowns.rules import check_claim, check_may_file
from telecine_platform.takedowns.states import (
    HOLDING,
    LEGAL_CLAIM,
    LEGAL_CLAIMANT,
    LEGAL_HOLD,
    ClaimantState,
    ClaimState,
    HoldState,
    check_change,
)
from telecine_safeguards.registry.entities import EntityKind
from tests.records import at


def test_every_state_has_its_row_and_can_be_reached() -> None:
    tables: list[tuple[Mapping[Any, frozenset[Any]], type[StrEnum], StrEnum]] = [
        (LEGAL_CLAIMANT, ClaimantState, ClaimantState.PENDING),
        (LEGAL_CLAIM, ClaimState, ClaimState.FILED),
        (LEGAL_HOLD, HoldState, HoldState.FOUND),
    ]  # Any: each table has states of its own
    for legal, states, first in tables:
        assert set(legal) == set(states)
        reached = {first}
        for _ in states:
            reached |= {new for old in reached for new in legal[old]}
        assert reached == set(states)


def test_nothing_is_given_back_twice_and_nothing_upheld_comes_back() -> None:
    for final in (HoldState.UPHELD, HoldState.REINSTATED, HoldState.DROPPED):
        for state in HoldState:
            with pytest.raises(IllegalTransition, match="it is final"):
                check_change("clip", LEGAL_HOLD, final, state)
    assert {HoldState.FOUND, HoldState.REINSTATED, HoldState.DROPPED} == set(HoldState) - HOLDING


def claimant(state: ClaimantState) -> Claimant:
    return Claimant(tenant_id="zorb", name="Z", contact="z", state=state, created_at=at(0))


@pytest.mark.parametrize(
    ("who", "record", "code"),
    [
        (None, Record(), "claimant_limited"),
        (claimant(ClaimantState.PENDING), Record(), "claimant_limited"),
        (claimant(ClaimantState.SUSPENDED), Record(), "claimant_limited"),
        (
            claimant(ClaimantState.VERIFIED),
            Record(num_upheld=4, num_reinstated=6),
            "claimant_limited",
        ),
        (claimant(ClaimantState.VERIFIED), Record(num_claims_last_day=20), "claims_quota"),
        (claimant(ClaimantState.VERIFIED), Record(num_open_claims=200), "claims_quota"),
    ],
)
def test_who_may_not_file(who: Claimant | None, record: Record, code: str) -> None:
    with pytest.raises(TelecineError) as refused:
        check_may_file(who, record)
    assert refused.value.code == code


def test_who_may_file() -> None:
    good = claimant(ClaimantState.VERIFIED)
    check_may_file(good, Record(num_claims_last_day=19, num_open_claims=199))
    check_may_file(good, Record(num_upheld=5, num_reinstated=5))
    check_may_file(good, Record(num_reinstated=9))


@pytest.mark.parametrize("names", [(), ("ab",), ("a b",), ("Zorb", "x")])
def test_claim_without_anything_to_find_is_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(InvalidRequest):
        check_claim(NewClaim(title="T", kind=EntityKind.WORK, names=names))
