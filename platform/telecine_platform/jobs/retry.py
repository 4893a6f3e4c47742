"""Whether a job that met an error gets another attempt. A pure rule."""

from __future__ import annotations

from dataclasses import dataclass

MAX_DELAY_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Bounds on attempts of one stage, with a doubling delay."""

    max_attempts: int
    delay_s: float


def delay_before_retry_s(policy: RetryPolicy, attempt: int, *, is_retryable: bool) -> float | None:
    """Seconds to wait before the next attempt, or None when there shall be none.

    `attempt` counts from 1 and has just failed.
    """
    if not is_retryable or attempt >= policy.max_attempts:
        return None
    return min(policy.delay_s * 2.0 ** (attempt - 1), MAX_DELAY_S)
