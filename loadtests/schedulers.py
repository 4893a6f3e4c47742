"""The two that `loadtests.schedule` compares: Telecine's own rules, and FIFO as others have it."""

from __future__ import annotations

import math
from collections import deque
from datetime import UTC, datetime, timedelta

from loadtests.memory_queue import MemoryQueue
from loadtests.simulate import Busy, Cluster
from loadtests.traces import Request
from telecine_platform.errors import TooManyRequests
from telecine_platform.scheduling.admission import check_wait
from telecine_platform.scheduling.autoscaling import desired_gangs
from telecine_platform.scheduling.forecast import (
    Demand,
    Fleet,
    RunningJob,
    forecast_all,
    newcomer_wait_s,
    work_of,
)
from telecine_platform.scheduling.order import QueuedJob
from telecine_platform.scheduling.price import (
    UNCORRECTED,
    WHOLE_MODEL,
    Correction,
    learn,
    price_gpu_s,
    shape_of,
)

_START = datetime(2026, 1, 1, tzinfo=UTC)


class Telecine:
    """The rules of `telecine_platform/scheduling`, with the queue in memory."""

    def __init__(self, fleet: Fleet, *, max_wait_s: float, ageing_s: float) -> None:
        self._fleet = fleet
        self._max_wait_s = max_wait_s
        self._ageing_s = ageing_s
        self._queue = MemoryQueue()
        self._requests: dict[str, Request] = {}
        self._prices_gpu_s: dict[str, float] = {}
        self._corrections: dict[str, Correction] = {}

    def submit(self, request: Request, cluster: Cluster) -> bool:
        job = QueuedJob(
            id=request.id,
            tenant_id=request.tenant_id,
            priority=0,
            price_gpu_s=self._price_gpu_s(request),
            overdue_at=_time(cluster.at_s + self._ageing_s),
        )
        demand = self._demand(cluster)
        try:
            wait_s = newcomer_wait_s(job, 1.0, demand, self._fleet, _time(cluster.at_s))
            check_wait(wait_s, self._max_wait_s)
        except TooManyRequests:
            return False
        self._queue.add(job)
        self._requests[job.id] = request
        self._prices_gpu_s[job.id] = job.price_gpu_s
        return True

    def take(self, at_s: float) -> Request | None:
        job = self._queue.take(_time(at_s))
        return None if job is None else self._requests[job.id]

    def finished(self, busy: Busy) -> None:
        request, took_gpu_s = busy.request, busy.request.took_gpu_s
        self._queue.charge(request.tenant_id, took_gpu_s - self._prices_gpu_s[request.id])
        for shape in (WHOLE_MODEL, shape_of(request.spec)):
            self._corrections[shape] = learn(
                self._corrections.get(shape, UNCORRECTED),
                took_gpu_s=took_gpu_s,
                formula_gpu_s=request.formula_gpu_s,
            )

    def desired_gangs(self, cluster: Cluster) -> int:
        work = work_of(self._demand(cluster), self._fleet.num_gpus, _time(cluster.at_s))
        return desired_gangs(work, self._fleet.target_wait_s)

    def forecasts(self, cluster: Cluster) -> dict[str, float]:
        found = forecast_all(self._demand(cluster), self._fleet, _time(cluster.at_s))
        return {key: (item.finish_at - _START).total_seconds() for key, item in found.items()}

    def _demand(self, cluster: Cluster) -> Demand:
        return Demand(
            waiting=self._queue.jobs(),
            running=[
                RunningJob(
                    id=busy.request.id,
                    price_gpu_s=self._prices_gpu_s[busy.request.id],
                    claimed_at=_time(busy.start_s),
                    progress=busy.progress(cluster.at_s),
                )
                for busy in cluster.busy
            ],
            shares=self._queue.shares,
            num_idle=cluster.num_idle,
            release_s=0.0,
        )

    def _price_gpu_s(self, request: Request) -> float:
        known = self._corrections
        return price_gpu_s(
            request.formula_gpu_s,
            known.get(shape_of(request.spec), UNCORRECTED),
            known.get(WHOLE_MODEL, UNCORRECTED),
        )


class Fifo:
    """First come, first served; as many gangs as Ray Serve's own rule wants: the requests that
    wait or run, divided by `target_ongoing_requests`.
    """

    def __init__(self, target_ongoing_requests: float) -> None:
        self._target = target_ongoing_requests
        self._waiting: deque[Request] = deque()

    def submit(self, request: Request, cluster: Cluster) -> bool:
        self._waiting.append(request)
        return True

    def take(self, at_s: float) -> Request | None:
        return self._waiting.popleft() if self._waiting else None

    def finished(self, busy: Busy) -> None: ...

    def desired_gangs(self, cluster: Cluster) -> int:
        return math.ceil((len(self._waiting) + len(cluster.busy)) / self._target)

    def forecasts(self, cluster: Cluster) -> dict[str, float]:
        return {}


def _time(at_s: float) -> datetime:
    return _START + timedelta(seconds=at_s)
