"""A discrete-event run of generation: requests come, gangs start, work and go. No clock, no chance.

The scheduler under test is given as a `Scheduler`; everything else is the same for all of them.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from loadtests.traces import Request
from telecine_platform.scheduling.forecast import Fleet

TICK_S = 2.0
"""How often the number of gangs is thought over."""
NOTE_S = 20.0
"""How often forecasts are written down, as callers see them who poll."""
UPSCALE_DELAY_S = 5.0
DOWNSCALE_DELAY_S = 60.0
"""As `apps/build.py` sets them for Serve: a wish must hold so long."""


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What became of one request."""

    request: Request
    is_refused: bool = False
    start_s: float | None = None
    finish_s: float | None = None
    forecasts: list[tuple[float, float]] = field(default_factory=list)
    """(when it was said, the finish that was said), in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One trace under one scheduler."""

    outcomes: Sequence[Outcome]
    gpu_hours: float
    """Of every gang from its start, the start included, to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Busy:
    """A request that a gang works on."""

    request: Request
    start_s: float
    took_s: float

    def progress(self, at_s: float) -> int:
        """Per cent, as a rank reports it."""
        return min(99, int(100 * (at_s - self.start_s) / self.took_s))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """The gangs as a scheduler sees them."""

    at_s: float
    busy: Sequence[Busy]
    num_idle: int


class Scheduler(Protocol):
    """What decides."""

    def submit(self, request: Request, cluster: Cluster) -> bool:
        """Queue the request, or refuse it (False)."""

    def take(self, at_s: float) -> Request | None:
        """The request that a free gang works on now."""

    def finished(self, busy: Busy) -> None:
        """Told of each end."""

    def desired_gangs(self, cluster: Cluster) -> int: ...

    def forecasts(self, cluster: Cluster) -> dict[str, float]:
        """Finish times by request id, for whoever can say."""


def simulate(
    trace: Sequence[Request], scheduler: Scheduler, fleet: Fleet, *, min_gangs: int
) -> Run:
    """Run the trace until its last request has ended."""
    return _Simulation(trace, scheduler, fleet, min_gangs).run()


class _Simulation:
    """The gangs and what happens to them."""

    def __init__(
        self, trace: Sequence[Request], scheduler: Scheduler, fleet: Fleet, min_gangs: int
    ) -> None:
        self._scheduler = scheduler
        self._fleet = fleet
        self._min_gangs = min_gangs
        self._outcomes = {request.id: Outcome(request=request) for request in trace}
        self._arrivals = deque(trace)
        self._num_waiting = 0
        self._busy: dict[str, Busy] = {}
        self._ends_s: list[tuple[float, str]] = []
        self._num_idle = min_gangs
        self._ready_s: list[float] = []
        self._wishes: deque[tuple[float, int]] = deque()
        self._gang_s = 0.0

    def run(self) -> Run:
        at_s = self._next_tick_s = self._next_note_s = self._arrivals[0].at_s
        while self._arrivals or self._num_waiting or self._busy:
            self._end_jobs(at_s)
            self._start_gangs(at_s)
            self._take_arrivals(at_s)
            self._start_jobs(at_s)
            if at_s >= self._next_tick_s:
                self._next_tick_s = at_s + TICK_S
                self._scale(at_s)
            if at_s >= self._next_note_s:
                self._next_note_s = at_s + NOTE_S
                self._note_forecasts(at_s)
            next_s = self._next_event_s()
            self._gang_s += (next_s - at_s) * self._num_gangs
            at_s = next_s
        return Run(
            outcomes=list(self._outcomes.values()),
            gpu_hours=self._gang_s * self._fleet.num_gpus / 3600,
        )

    @property
    def _num_gangs(self) -> int:
        return self._num_idle + len(self._busy) + len(self._ready_s)

    def _cluster(self, at_s: float) -> Cluster:
        return Cluster(at_s=at_s, busy=list(self._busy.values()), num_idle=self._num_idle)

    def _next_event_s(self) -> float:
        times_s = [self._next_tick_s]
        if self._arrivals:
            times_s.append(self._arrivals[0].at_s)
        if self._ends_s:
            times_s.append(self._ends_s[0][0])
        if self._ready_s:
            times_s.append(self._ready_s[0])
        return min(times_s)

    def _end_jobs(self, at_s: float) -> None:
        while self._ends_s and self._ends_s[0][0] <= at_s:
            busy = self._busy.pop(heapq.heappop(self._ends_s)[1])
            self._num_idle += 1
            self._outcomes[busy.request.id].finish_s = at_s
            self._scheduler.finished(busy)

    def _start_gangs(self, at_s: float) -> None:
        while self._ready_s and self._ready_s[0] <= at_s:
            heapq.heappop(self._ready_s)
            self._num_idle += 1

    def _take_arrivals(self, at_s: float) -> None:
        while self._arrivals and self._arrivals[0].at_s <= at_s:
            request = self._arrivals.popleft()
            outcome = self._outcomes[request.id]
            if self._scheduler.submit(request, self._cluster(at_s)):
                self._num_waiting += 1
                self._note_forecast(outcome, at_s)
            else:
                outcome.is_refused = True

    def _start_jobs(self, at_s: float) -> None:
        while self._num_idle and (request := self._scheduler.take(at_s)) is not None:
            took_s = request.took_gpu_s / self._fleet.num_gpus
            self._busy[request.id] = Busy(request=request, start_s=at_s, took_s=took_s)
            heapq.heappush(self._ends_s, (at_s + took_s, request.id))
            self._outcomes[request.id].start_s = at_s
            self._num_idle -= 1
            self._num_waiting -= 1

    def _scale(self, at_s: float) -> None:
        """Follow a wish for more that has held for one delay, for less for the other."""
        wish = self._scheduler.desired_gangs(self._cluster(at_s))
        self._wishes.append((at_s, min(max(wish, self._min_gangs), self._fleet.max_gangs)))
        while self._wishes[0][0] < at_s - DOWNSCALE_DELAY_S:
            self._wishes.popleft()
        recent = [wish for when_s, wish in self._wishes if when_s >= at_s - UPSCALE_DELAY_S]
        for _ in range(min(recent) - self._num_gangs):
            heapq.heappush(self._ready_s, at_s + self._fleet.gang_start_s)
        num_spare = self._num_gangs - max(wish for _, wish in self._wishes)
        self._num_idle -= min(max(num_spare, 0), self._num_idle)

    def _note_forecasts(self, at_s: float) -> None:
        for job_id, finish_s in self._scheduler.forecasts(self._cluster(at_s)).items():
            self._outcomes[job_id].forecasts.append((at_s, finish_s))

    def _note_forecast(self, outcome: Outcome, at_s: float) -> None:
        """What the caller is told as its request is taken."""
        said = self._scheduler.forecasts(self._cluster(at_s))
        if outcome.request.id in said:
            outcome.forecasts.append((at_s, said[outcome.request.id]))
