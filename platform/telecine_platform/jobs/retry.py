"""Whether a job that met an error gets another attempt. Pure rules.

What failed decides how often it is worth another try: the job itself, its size, something outside,
or nobody knows. A job that ends its workers is stopped before it has ended many.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from telecine_platform.errors import (
    GangBroken,
    OutOfMemory,
    StorageUnavailable,
    StoreUnavailable,
    TelecineError,
)
from telecine_platform.records import JobError

QUARANTINED = "quarantined"
"""Code of the error on a job that was stopped because it ended its workers."""
MAX_DELAY_S = 60.0


class Failure(StrEnum):
    """Who or what is to blame for a failed attempt."""

    JOB = "job"
    """The job cannot be done, however often it is tried."""
    SIZE = "size"
    """It did not fit into memory. A fresh gang may have more of it free."""
    OUTAGE = "outage"
    """Something outside was away; the job only has to wait."""
    DEATH = "death"
    """A worker died with the job: by chance, or because of it."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Bounds on a job's attempts, with a doubling delay between them."""

    max_attempts: int
    """Of one stage, after deaths and unknown failures."""
    delay_s: float
    max_deaths: int = 3
    """Workers that a job may end, over all stages, before it is quarantined."""

    def attempts_after(self, failure: Failure) -> int:
        """How often a stage may be attempted when its last attempt failed so."""
        match failure:
            case Failure.JOB:
                return 1
            case Failure.SIZE:
                return 2
            case Failure.OUTAGE:
                return 20  # with delays of up to a minute: through a quarter of an hour
            case Failure.DEATH | Failure.UNKNOWN:
                return self.max_attempts


def failure_from_error(error: Exception) -> Failure:
    """The table of error classes."""
    match error:
        case GangBroken():
            return Failure.DEATH
        case StoreUnavailable() | StorageUnavailable():
            return Failure.OUTAGE
        case OutOfMemory():
            return Failure.SIZE
        case TelecineError(retryable=False):
            return Failure.JOB
        case _:
            return Failure.UNKNOWN


def is_to_quarantine(policy: RetryPolicy, failure: Failure, num_deaths: int) -> bool:
    """`num_deaths` counts the one that has just happened."""
    return failure is Failure.DEATH and num_deaths >= policy.max_deaths


def quarantine_error(last: JobError, num_deaths: int) -> JobError:
    """What the caller reads of a quarantined job."""
    return JobError(
        code=QUARANTINED,
        message=f"The video was stopped because {num_deaths} workers were lost while they worked "
        f"on it ({last.code}). Ask for a smaller or shorter one, or give its id to the operator.",
    )


def delay_before_retry_s(policy: RetryPolicy, failure: Failure, attempt: int) -> float | None:
    """Seconds to wait before the next attempt, or None when there shall be none.

    `attempt` counts from 1 and has just failed.
    """
    if attempt >= policy.attempts_after(failure):
        return None
    return min(policy.delay_s * 2.0 ** (attempt - 1), MAX_DELAY_S)
