"""From a run's results, its jobs' times and the samples of its gangs to figures. Pure.

Seconds here are the model's: real ones times the speed, which is 1 for a real server. What the
platform itself takes counts that many times too, so the figures are worse than a fleet's that runs
at its own speed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from loadtests.report import Report, is_safeguard_code
from loadtests.results import JobResult, JobStatus

FACTORS = (1.5, 3.0, 5.0)
"""Goodput: done within so many times the clip's own time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTimes:
    """One completed job by the platform's own record, in the model's seconds."""

    own_s: float
    """On a free gang, with nothing around it."""
    work_s: float
    """What generation took."""
    video_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The gangs at one moment."""

    at_s: float
    """In the model's seconds since the run began."""
    wanted: int | None
    """None: a server does not show it."""
    ready: int
    busy: int
    queued: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Of one run."""

    load: float
    """Of a fleet: gang-seconds asked for, per second and gang at full size. Of a server: jobs asked
    for in a minute."""
    num_offered: int
    num_completed: int
    num_blocked: int
    num_failed: int
    num_cancelled: int
    num_refused: int
    num_unanswered: int
    num_lost: int
    num_duplicated: int
    offered_per_minute: float
    completed_per_minute: float
    goodput: Mapping[str, float]
    """By factor, of the offered jobs that nobody took back and no safeguard refused."""
    end_to_end_s: Mapping[str, float]
    """p50, p90, p99."""
    stage_wait_s: Mapping[str, float]
    """Means."""
    stage_work_s: Mapping[str, float]
    busy_gpu_s_per_video_s: float
    provisioned_gpu_s_per_video_s: float
    cost_per_video_s: float
    """Of the provisioned GPUs, at the stated price."""
    scale_up_lag_s: float | None
    """The longest time without a break that fewer gangs were ready than wanted. None: not shown."""
    jain: float
    """Of the tenants' mean speeds, own time over taken time (`figures.py`)."""
    max_send_lag_s: float
    """How late the driver asked, in real seconds."""
    busy_cores: float
    """Of the machine that ran all this: near `num_cores` it was the bottleneck."""
    num_cores: int


def figures_of(
    report: Report,
    results: Sequence[JobResult],
    times: Mapping[str, JobTimes],
    samples: Sequence[Sample],
    *,
    load: float,
    speed: float,
    num_gpus: int,
    gpu_hour_price: float,
    busy_cores: float,
    num_cores: int,
) -> Figures:
    kept = [result for result in results if _counts(result)]
    speeds = {id(result): _speed_of(result, times, speed) for result in kept}
    taken = sorted(
        (result.ended_at_s - result.arrival.at_s) * speed
        for result in kept
        if result.status is JobStatus.COMPLETED and result.ended_at_s is not None
    )
    video_s = sum(each.video_s for each in times.values())
    busy_gpu_s = num_gpus * sum(each.work_s for each in times.values())
    provisioned_gpu_s = num_gpus * provisioned_gang_s(samples)
    per_video = provisioned_gpu_s / video_s if video_s else math.nan
    return Figures(
        load=load,
        num_offered=report.num_offered,
        num_completed=report.num_completed,
        num_blocked=sum(report.blocked.values()),
        num_failed=sum(report.failed.values()),
        num_cancelled=report.num_cancelled,
        num_refused=sum(report.refused.values()),
        num_unanswered=report.num_unanswered,
        num_lost=report.num_lost,
        num_duplicated=report.num_duplicated,
        offered_per_minute=(report.offered_per_minute or 0.0) / speed,
        completed_per_minute=report.completed_per_minute / speed,
        goodput={f"{k:g}x": _share([s >= 1 / k for s in speeds.values()]) for k in FACTORS},
        end_to_end_s={f"p{p}": _percentile(taken, p) for p in (50, 90, 99)},
        stage_wait_s={each.stage: each.mean_wait_s * speed for each in report.stages},
        stage_work_s={each.stage: each.mean_work_s * speed for each in report.stages},
        busy_gpu_s_per_video_s=busy_gpu_s / video_s if video_s else math.nan,
        provisioned_gpu_s_per_video_s=per_video,
        cost_per_video_s=per_video * gpu_hour_price / 3600,
        scale_up_lag_s=longest_lag_s(samples),
        jain=jain_of(kept, speeds),
        max_send_lag_s=report.max_send_lag_s,
        busy_cores=busy_cores,
        num_cores=num_cores,
    )


def provisioned_gang_s(samples: Sequence[Sample]) -> float:
    """Gang-seconds that were there, a sample standing until the next one."""
    return sum((after.at_s - before.at_s) * before.ready for before, after in pairwise(samples))


def longest_lag_s(samples: Sequence[Sample]) -> float | None:
    longest, began_s = 0.0, None
    for sample in samples:
        if sample.wanted is None:
            return None
        if sample.ready >= sample.wanted:
            began_s = None
        else:
            began_s = sample.at_s if began_s is None else began_s
            longest = max(longest, sample.at_s - began_s)
    return longest


def jain_of(results: Sequence[JobResult], speeds: Mapping[int, float]) -> float:
    """(sum x)^2 / (n sum x^2) over the tenants' mean speeds; 1 is equal treatment."""
    by_tenant: dict[str, list[float]] = {}
    for result in results:
        by_tenant.setdefault(result.arrival.tenant, []).append(speeds[id(result)])
    means = [sum(own) / len(own) for own in by_tenant.values()]
    squares = sum(mean * mean for mean in means)
    return sum(means) ** 2 / (len(means) * squares) if squares else 1.0


def _counts(result: JobResult) -> bool:
    """Whether the platform owed a clip: its caller and its safeguards wanted one."""
    return result.arrival.cancel_after_s is None and not is_safeguard_code(result.error_code)


def _speed_of(result: JobResult, times: Mapping[str, JobTimes], speed: float) -> float:
    """Own time over taken time; 0 for a job that was not completed."""
    own = times.get(result.job_id or "")
    if result.status is not JobStatus.COMPLETED or result.ended_at_s is None or own is None:
        return 0.0
    return own.own_s / ((result.ended_at_s - result.arrival.at_s) * speed)


def _share(flags: Sequence[bool]) -> float:
    return sum(flags) / len(flags) if flags else math.nan


def _percentile(ordered: Sequence[float], percent: int) -> float:
    """Nearest rank: a value that was measured."""
    if not ordered:
        return math.nan
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]
