"""When a job will start and finish: the queue's order dealt out to the gangs. Pure.

A forecast knows the jobs that are there, not those that will come and be served first.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from telecine_platform.scheduling.autoscaling import Work, desired_gangs
from telecine_platform.scheduling.order import QueuedJob, Share, drain

_MIN_LEFT = 0.02
"""A job that outlives its price is expected to need this part of it still."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningJob:
    """A job that a gang works on."""

    id: str
    price_gpu_s: float
    claimed_at: datetime
    progress: int
    """Per cent of the denoising steps."""
    num_gpus: int = 0
    """Of its gang; 0: not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Generation's queue with what screening will still hand to it, and what runs."""

    waiting: Sequence[QueuedJob]
    running: Sequence[RunningJob]
    shares: Mapping[str, Share]
    """Of every tenant with a waiting job."""
    num_idle: int
    """Gangs that are there and have nothing to do."""
    release_s: float
    """What moderation takes, waiting included, on average."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """The gangs that can be had."""

    num_gpus: int
    """Of one gang."""
    max_gangs: int
    gang_start_s: float
    """From the wish for another gang to its first job."""
    target_wait_s: float
    """As `desired_gangs` has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """When a gang takes the job, and when its clip is released."""

    start_at: datetime
    finish_at: datetime


def work_of(demand: Demand, num_gpus: int, now: datetime) -> Work:
    """The demand in seconds of a gang of `num_gpus`."""
    return Work(
        num_queued=len(demand.waiting),
        queued_s=sum(job.price_gpu_s for job in demand.waiting) / num_gpus,
        num_running=len(demand.running),
        running_s=sum(running_left_s(job, num_gpus, now) for job in demand.running),
    )


def forecast_all(demand: Demand, fleet: Fleet, now: datetime) -> dict[str, Forecast]:
    """Forecasts by job id: each waiting job, in the queue's order, goes to the first free gang."""
    forecasts: dict[str, Forecast] = {}
    for running in demand.running:
        left_s = running_left_s(running, fleet.num_gpus, now)
        finish_at = now + timedelta(seconds=left_s + demand.release_s)
        forecasts[running.id] = Forecast(start_at=running.claimed_at, finish_at=finish_at)
    free_s = _gangs_free_s(demand, fleet, now)
    for job in drain(demand.waiting, demand.shares, now):
        start_s = free_s[0]
        end_s = start_s + job.price_gpu_s / fleet.num_gpus
        heapq.heapreplace(free_s, end_s)
        forecasts[job.id] = Forecast(
            start_at=now + timedelta(seconds=start_s),
            finish_at=now + timedelta(seconds=end_s + demand.release_s),
        )
    return forecasts


def longest_wait_s(demand: Demand, fleet: Fleet, now: datetime) -> float:
    """A bound that is quick to work out: no request that joins this demand waits longer.

    Even behind everything else it goes to the gang that is free first, which is no later than they
    are free on average. Where there is no gang yet, one is started for it.
    """
    free_s = _gangs_free_s(demand, fleet, now) or [fleet.gang_start_s]
    queued_s = work_of(demand, fleet.num_gpus, now).queued_s
    return (sum(free_s) + queued_s) / len(free_s)


def newcomer_wait_s(
    newcomer: QueuedJob, weight: float, demand: Demand, fleet: Fleet, now: datetime
) -> float:
    """How long a request would wait for its gang, if it joined this demand now."""
    front_gpu_s = min((share.virtual_gpu_s for share in demand.shares.values()), default=0.0)
    share = Share(tenant_id=newcomer.tenant_id, weight=weight, virtual_gpu_s=front_gpu_s)
    with_it = replace(
        demand,
        waiting=[*demand.waiting, newcomer],
        shares={share.tenant_id: share, **demand.shares},
    )
    return (forecast_all(with_it, fleet, now)[newcomer.id].start_at - now).total_seconds()


def running_left_s(job: RunningJob, num_gpus: int, now: datetime) -> float:
    """What a running job still needs: its price says so at first, its own speed more and more."""
    expected_s = job.price_gpu_s / num_gpus
    elapsed_s = max(0.0, (now - job.claimed_at).total_seconds())
    part = min(job.progress, 100) / 100
    by_price_s = max(0.0, expected_s - elapsed_s)
    by_speed_s = elapsed_s * (1 - part) / part if part > 0 else by_price_s
    return max(part * by_speed_s + (1 - part) * by_price_s, _MIN_LEFT * expected_s)


def _gangs_free_s(demand: Demand, fleet: Fleet, now: datetime) -> list[float]:
    """A heap of the seconds until each gang is free: the busy ones by what their jobs still need,
    idle ones at once, those that autoscaling wants besides after their start.
    """
    lefts_s = [running_left_s(job, fleet.num_gpus, now) for job in demand.running]
    wanted = desired_gangs(work_of(demand, fleet.num_gpus, now), fleet.target_wait_s)
    num_starting = max(0, min(wanted, fleet.max_gangs) - len(lefts_s) - demand.num_idle)
    free_s = [*lefts_s, *[0.0] * demand.num_idle, *[fleet.gang_start_s] * num_starting]
    heapq.heapify(free_s)
    return free_s
