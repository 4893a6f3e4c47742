"""When an event arises, when its delivery is tried again, and when it is given up. Pure rules."""

from __future__ import annotations

from dataclasses import dataclass

from telecine_platform.records import JobState
from telecine_platform.webhooks.records import DeliveryState, EventType

DELAYS_S = (5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 36_000.0)
"""Between attempts, about 28 hours in all. Source: the Standard Webhooks specification, "Retry
schedule"."""
JITTER = 0.2
"""By how much of itself a delay varies, so that a receiver that comes back is not run over."""
GONE = 410


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What becomes of a delivery after one attempt."""

    state: DeliveryState
    delay_s: float = 0.0
    """Until the next attempt, of a pending one."""


def event_from_state(state: JobState) -> EventType | None:
    """What a tenant is told when a job takes this state."""
    if state is JobState.COMPLETED:
        return EventType.VIDEO_COMPLETED
    if state is JobState.WITHDRAWN:
        return EventType.VIDEO_WITHDRAWN
    return EventType.VIDEO_FAILED if state.is_final else None


def outcome_of_attempt(attempt: int, status_code: int | None, chance: float) -> Outcome:
    """Judge attempt number `attempt` (from 1); None stands for no answer at all.

    `chance` is uniform in 0 to 1. Only 2xx counts as delivered, and 410 says never again.
    """
    if status_code is not None and 200 <= status_code < 300:
        return Outcome(state=DeliveryState.DELIVERED)
    if status_code == GONE or attempt > len(DELAYS_S):
        return Outcome(state=DeliveryState.DEAD)
    factor = 1.0 + JITTER * (2.0 * chance - 1.0)
    return Outcome(state=DeliveryState.PENDING, delay_s=DELAYS_S[attempt - 1] * factor)
