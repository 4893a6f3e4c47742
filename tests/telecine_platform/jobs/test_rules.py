"""The pure rules around jobs, as tables."""

from __future__ import annotations

import pytest

from telecine_platform.errors import (
    GangStalled,
    IllegalTransition,
    JobTimeout,
    MediaError,
    OutOfMemory,
    StorageUnavailable,
    StoreUnavailable,
)
from telecine_platform.jobs.retry import (
    Failure,
    RetryPolicy,
    delay_before_retry_s,
    failure_from_error,
    is_to_quarantine,
)
from telecine_platform.records import JobState
from telecine_platform.transitions import LEGAL, check_transition

POLICY = RetryPolicy(max_attempts=9, delay_s=2)


@pytest.mark.parametrize(
    ("failure", "attempt", "delay_s"),
    [
        (Failure.UNKNOWN, 1, 2.0),
        (Failure.UNKNOWN, 2, 4.0),
        (Failure.DEATH, 3, 8.0),
        (Failure.DEATH, 8, 60.0),  # bounded
        (Failure.UNKNOWN, 9, None),  # attempts used up
        (Failure.DEATH, 9, None),
        (Failure.JOB, 1, None),  # it would only fail again
        (Failure.SIZE, 1, 2.0),
        (Failure.SIZE, 2, None),
        (Failure.OUTAGE, 19, 60.0),  # not the job's fault
        (Failure.OUTAGE, 20, None),
    ],
)
def test_delay_before_a_retry(failure: Failure, attempt: int, delay_s: float | None) -> None:
    assert delay_before_retry_s(POLICY, failure, attempt) == delay_s


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (GangStalled("no progress"), Failure.DEATH),
        (StorageUnavailable("away"), Failure.OUTAGE),
        (StoreUnavailable("away"), Failure.OUTAGE),
        (OutOfMemory("121 frames"), Failure.SIZE),
        (JobTimeout("600 s"), Failure.JOB),
        (MediaError("no frames"), Failure.JOB),
        (ZeroDivisionError(), Failure.UNKNOWN),
    ],
)
def test_error_class_decides_who_is_to_blame(error: Exception, failure: Failure) -> None:
    assert failure_from_error(error) is failure


@pytest.mark.parametrize(
    ("failure", "num_deaths", "is_quarantined"),
    [(Failure.DEATH, 2, False), (Failure.DEATH, 3, True), (Failure.UNKNOWN, 3, False)],
)
def test_job_that_ends_its_workers_is_quarantined(
    failure: Failure, num_deaths: int, is_quarantined: bool
) -> None:
    assert is_to_quarantine(POLICY, failure, num_deaths) is is_quarantined


@pytest.mark.parametrize("old", JobState)
@pytest.mark.parametrize("new", JobState)
def test_only_listed_transitions_are_legal(old: JobState, new: JobState) -> None:
    if new in LEGAL[old]:
        check_transition("video_1", old, new)
    else:
        with pytest.raises(IllegalTransition, match=f"is {old} and cannot become {new}"):
            check_transition("video_1", old, new)


def test_final_states_have_no_way_out_but_an_administrators() -> None:
    ways_out = {state: set(ways) for state, ways in LEGAL.items() if state.is_final and ways}
    assert ways_out == {
        JobState.FAILED: {JobState.QUEUED},
        JobState.COMPLETED: {JobState.WITHDRAWN},  # a takedown, and its end
        JobState.WITHDRAWN: {JobState.COMPLETED},
    }
    assert all(LEGAL[state] for state in JobState if not state.is_final)
