"""The limit on refused prompts, as rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telecine_platform.errors import TooManyRequests
from telecine_platform.scheduling.refusals import FADE_S, check_refusals, faded, is_refusal
from telecine_safeguards.verdict import Action, Checkpoint
from tests.records import at, verdict


@pytest.mark.parametrize(
    ("action", "changes", "counts"),
    [
        (Action.ALLOW, {}, False),
        (Action.REWRITE, {}, True),
        (Action.REVIEW, {}, True),
        (Action.LICENCE_REQUIRED, {}, True),
        (Action.BLOCK, {}, True),
        (Action.BLOCK, {"checkpoint": Checkpoint.PICTURE}, True),
        (Action.BLOCK, {"checkpoint": Checkpoint.OUTPUT}, False),
        (Action.BLOCK, {"findings": ()}, False),
    ],
)
def test_what_tells_an_attacker_something_counts(
    action: Action, changes: dict[str, object], counts: bool
) -> None:
    assert is_refusal(verdict(action, **changes)) is counts


def test_what_was_counted_fades() -> None:
    assert faded(10, at(0), at(FADE_S)) == pytest.approx(3.679, abs=1e-3)
    assert faded(10, at(5), at(0)) == 10


def refusal(level: float, quota: float | None) -> TooManyRequests | None:
    try:
        check_refusals(level, quota)
    except TooManyRequests as error:
        return error
    return None


def test_who_has_no_quota_is_never_stopped() -> None:
    assert refusal(1e9, None) is None


@given(quota=st.floats(1, 1000), above=st.floats(0.001, 1000))
def test_after_the_wait_there_is_room_for_one_more(quota: float, above: float) -> None:
    level = quota - 1 + above

    stopped = refusal(level, quota)

    assert stopped is not None
    later = faded(level, at(0), at(stopped.retry_after_s))
    assert later <= max(quota - 1, 0.5) * (1 + 1e-6)


def test_first_refusals_up_to_the_quota_are_free() -> None:
    assert [refusal(level, 3) is None for level in (0, 1, 2, 3)] == [True, True, True, False]
