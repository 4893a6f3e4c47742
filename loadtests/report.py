"""From what each submission came to, to the report of a run. Pure: no clock, no network.

Invariant: every submission ends in exactly one of the `Ending`s, so the counts add up to what was
offered. Duplicates are counted beside them: they are jobs that nobody asked for.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from loadtests.arrivals import Arrival
from loadtests.results import JobResult, JobStatus, RunRecord, ServerJob, StageTotals

_SAFEGUARD_CODES = frozenset({"nudity", "reference_match", "check_failed"})
_SAFEGUARD_PREFIX = "protected_"
STAGES = ("screening", "generation", "moderation")


class Ending(StrEnum):
    """What a submission counts as."""

    COMPLETED = "completed"
    FAILED = "failed"
    BLOCKED = "blocked"
    CANCELLED = "cancelled"
    """Taken back by its caller, as the schedule has it."""
    LOST = "lost"
    REFUSED = "refused"
    UNANSWERED = "unanswered"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTimes:
    """A stage's mean times during the run. A repeated stage counts once for each attempt."""

    stage: str
    num_runs: int
    mean_wait_s: float
    mean_work_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Nearest-rank percentiles: each is a value that was measured."""

    num_values: int
    p50: float
    p90: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What is printed."""

    num_offered: int
    offered_per_minute: float | None
    """None: with a single job there is no rate."""
    num_completed: int
    completed_per_minute: float
    failed: Mapping[str, int]
    blocked: Mapping[str, int]
    refused: Mapping[str, int]
    num_cancelled: int
    num_unanswered: int
    num_lost: int
    lost_ids: tuple[str, ...]
    num_duplicated: int
    num_failed_downloads: int
    max_send_lag_s: float
    """How late the driver itself was: above a second, this machine was the bottleneck."""
    took_s: float
    end_to_end_s: Spread | None
    """Completed jobs, from the scheduled arrival to the seen end. None here and below: no value."""
    inference_s: Spread | None
    download_s: Spread | None
    queue_wait_s: float | None
    """The stages' mean waits together: what a job waits that passes each of them once."""
    stages: tuple[StageTimes, ...]
    """Empty: the server shows no stage figures."""

    @property
    def is_clean(self) -> bool:
        """Nothing was lost and nothing was made twice."""
        return self.num_lost == 0 and self.num_duplicated == 0


def make_report(run: RunRecord) -> Report:
    """Count, compare with the server's listing, and sum up."""
    lost_ids = find_lost(run.results, run.listed)
    endings = [ending_of(result, lost_ids) for result in run.results]
    completed = [
        result
        for result, ending in zip(run.results, endings, strict=True)
        if ending is Ending.COMPLETED
    ]
    stages = stage_times(run.stages_before, run.stages_after)
    return Report(
        num_offered=len(run.results),
        offered_per_minute=_offered_per_minute([result.arrival for result in run.results]),
        num_completed=len(completed),
        completed_per_minute=60.0 * len(completed) / run.took_s if run.took_s > 0 else 0.0,
        failed=_codes(run.results, endings, Ending.FAILED),
        blocked=_codes(run.results, endings, Ending.BLOCKED),
        refused=_codes(run.results, endings, Ending.REFUSED),
        num_cancelled=endings.count(Ending.CANCELLED),
        num_unanswered=endings.count(Ending.UNANSWERED),
        num_lost=endings.count(Ending.LOST),
        lost_ids=tuple(sorted(lost_ids)),
        num_duplicated=count_duplicated(run.results, run.listed),
        num_failed_downloads=sum(
            result.download_s is not None and result.size_bytes is None for result in completed
        ),
        max_send_lag_s=max(result.sent_at_s - result.arrival.at_s for result in run.results),
        took_s=run.took_s,
        end_to_end_s=_spread(
            None if result.ended_at_s is None else result.ended_at_s - result.arrival.at_s
            for result in completed
        ),
        inference_s=_spread(result.inference_time_s for result in completed),
        download_s=_spread(
            result.download_s for result in completed if result.size_bytes is not None
        ),
        queue_wait_s=sum(item.mean_wait_s for item in stages) if stages else None,
        stages=stages,
    )


def is_safeguard_code(code: str) -> bool:
    """Whether a job ended so because a safeguard refused it (or could not answer)."""
    return code.startswith(_SAFEGUARD_PREFIX) or code in _SAFEGUARD_CODES


def ending_of(result: JobResult, lost_ids: Collection[str]) -> Ending:
    """What the submission counts as."""
    if result.job_id is not None and result.job_id in lost_ids:
        return Ending.LOST
    match result.status:
        case JobStatus.COMPLETED:
            return Ending.COMPLETED
        case JobStatus.FAILED if is_safeguard_code(result.error_code):
            return Ending.BLOCKED
        case JobStatus.FAILED if was_taken_back(result):
            return Ending.CANCELLED
        case JobStatus.FAILED:
            return Ending.FAILED
        case JobStatus.REFUSED:
            return Ending.REFUSED
        case JobStatus.UNANSWERED:
            return Ending.UNANSWERED
        case JobStatus.OPEN | JobStatus.UNKNOWN:
            return Ending.LOST


def was_taken_back(result: JobResult) -> bool:
    return result.arrival.cancel_after_s is not None and result.error_code == "cancelled"


def find_lost(results: Sequence[JobResult], listed: Sequence[ServerJob]) -> frozenset[str]:
    """Ids of accepted jobs that never ended, that the server forgot, or that it gave out twice."""
    known = {job.id for job in listed}
    ids = Counter(result.job_id for result in results if result.job_id is not None)
    return frozenset(
        result.job_id
        for result in results
        if result.job_id is not None
        and (
            result.status in (JobStatus.OPEN, JobStatus.UNKNOWN)
            or result.job_id not in known
            or ids[result.job_id] > 1
        )
    )


def count_duplicated(results: Sequence[JobResult], listed: Sequence[ServerJob]) -> int:
    """Jobs on the server beyond the one of each submission; a refused one may have none."""
    ids_by_key: dict[tuple[str | None, int | None], set[str]] = {}
    for job in listed:
        ids_by_key.setdefault((job.prompt, job.seed), set()).add(job.id)
    num_extra = 0
    for result in results:
        ids = set(ids_by_key.get((result.arrival.prompt, result.arrival.seed), ()))
        if result.job_id is not None:
            ids.add(result.job_id)
        num_allowed = 0 if result.status is JobStatus.REFUSED else 1
        num_extra += max(0, len(ids) - num_allowed)
    return num_extra


def stage_times(
    before: Mapping[str, StageTotals], after: Mapping[str, StageTotals]
) -> tuple[StageTimes, ...]:
    """Mean times of the stage runs that ended between two readings, in a job's order."""
    nothing = StageTotals(num_runs=0, wait_s=0.0, work_s=0.0)
    times = []
    for stage, totals in sorted(after.items(), key=_place_in_life):
        start = before.get(stage, nothing)
        num_runs = totals.num_runs - start.num_runs
        if num_runs > 0:
            times.append(
                StageTimes(
                    stage=stage,
                    num_runs=num_runs,
                    mean_wait_s=(totals.wait_s - start.wait_s) / num_runs,
                    mean_work_s=(totals.work_s - start.work_s) / num_runs,
                )
            )
    return tuple(times)


def _place_in_life(item: tuple[str, StageTotals]) -> tuple[int, str]:
    stage = item[0]
    return (STAGES.index(stage) if stage in STAGES else len(STAGES), stage)


def _codes(
    results: Sequence[JobResult], endings: Sequence[Ending], wanted: Ending
) -> Mapping[str, int]:
    pairs = zip(results, endings, strict=True)
    codes = Counter(result.error_code for result, ending in pairs if ending is wanted)
    return dict(sorted(codes.items()))


def _offered_per_minute(arrivals: Sequence[Arrival]) -> float | None:
    span_s = max(arrival.at_s for arrival in arrivals)
    return 60.0 * (len(arrivals) - 1) / span_s if span_s > 0 else None


def _spread(values: Iterable[float | None]) -> Spread | None:
    known = sorted(value for value in values if value is not None)
    if not known:
        return None
    p50, p90, p99 = (known[math.ceil(share * len(known)) - 1] for share in (0.5, 0.9, 0.99))
    return Spread(num_values=len(known), p50=p50, p90=p90, p99=p99, max=known[-1])
