"""What a run finds out: the records between the driver, which fills them, and the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from loadtests.arrivals import Arrival


class JobStatus(StrEnum):
    """The last that the driver knows of a submission."""

    COMPLETED = "completed"
    FAILED = "failed"
    OPEN = "open"
    """Accepted, and not final within the timeout."""
    UNKNOWN = "unknown"
    """Accepted, and later the server did not know the id."""
    REFUSED = "refused"
    """Answered with an error: there is no job."""
    UNANSWERED = "unanswered"
    """No answer came to the submission, and no job of it is on the server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult:
    """What one arrival came to. Times are seconds since the start of the run."""

    arrival: Arrival
    sent_at_s: float
    status: JobStatus
    job_id: str | None = None
    """None: the server has never told one."""
    error_code: str = ""
    ended_at_s: float | None = None
    """When the final state was seen; None: never, or too late to be a latency."""
    inference_time_s: float | None = None
    """None: the server does not say."""
    video_s: float | None = None
    """Length of the clip; None: the server does not say."""
    download_s: float | None = None
    size_bytes: int | None = None
    """None with a `download_s`: the clip could not be had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerJob:
    """A job in the server's listing."""

    id: str
    prompt: str | None
    """None: the server does not show it, and duplicates cannot be found."""
    seed: int | None
    """None: as with the prompt."""
    created_at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTotals:
    """A stage's counters at one moment, over all outcomes."""

    num_runs: int
    wait_s: float
    work_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """All that a run has found out."""

    results: tuple[JobResult, ...]
    listed: tuple[ServerJob, ...]
    """The tenant's jobs that came to be during the run."""
    stages_before: Mapping[str, StageTotals]
    stages_after: Mapping[str, StageTotals]
    took_s: float
    """From the first arrival to the last final state."""
