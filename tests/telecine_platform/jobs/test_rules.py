"""The pure rules around jobs, as tables."""

from __future__ import annotations

import pytest

from telecine_platform.errors import IllegalTransition
from telecine_platform.jobs.retry import RetryPolicy, delay_before_retry_s
from telecine_platform.records import JobState
from telecine_platform.transitions import LEGAL, check_transition

POLICY = RetryPolicy(max_attempts=9, delay_s=2)


@pytest.mark.parametrize(
    ("attempt", "is_retryable", "delay_s"),
    [
        (1, True, 2.0),
        (2, True, 4.0),
        (3, True, 8.0),
        (8, True, 60.0),  # bounded
        (9, True, None),  # attempts used up
        (1, False, None),
    ],
)
def test_retry_delay(attempt: int, is_retryable: bool, delay_s: float | None) -> None:
    assert delay_before_retry_s(POLICY, attempt, is_retryable=is_retryable) == delay_s


@pytest.mark.parametrize("old", JobState)
@pytest.mark.parametrize("new", JobState)
def test_only_listed_transitions_are_legal(old: JobState, new: JobState) -> None:
    if new in LEGAL[old]:
        check_transition("video_1", old, new)
    else:
        with pytest.raises(IllegalTransition, match=f"is {old} and cannot become {new}"):
            check_transition("video_1", old, new)


def test_final_states_are_exactly_those_without_a_way_out() -> None:
    assert {state for state in JobState if state.is_final} == {
        state for state, ways in LEGAL.items() if not ways
    }
