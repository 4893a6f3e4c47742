"""A gang as its replica sees it: start, generate with progress, notice death and standstill, end.

Invariant: after any error that may have left the ranks out of step, the gang is broken for good:
every rank is killed and `check_health` raises, so that Serve replaces the replica and its gang.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import ray
from ray.util.placement_group import PlacementGroup
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from telecine_platform.errors import GangBroken, GangStalled, OutOfMemory, TelecineError
from telecine_platform.records import Job
from telecine_platform.settings import Settings
from telecine_serve.gang.arrange import arrange_gang
from telecine_serve.gang.rank import Rank, RankStatus

logger = logging.getLogger(__name__)

START_TIMEOUT_S = 300.0
"""Imports, process group, weights and self-test together."""
PING_TIMEOUT_S = 10.0
"""A rank's control thread answers within this, however long a step takes."""
POLL_S = 0.2
"""How often progress is read."""


class Gang:
    """`settings.num_ranks` rank actors, each in a bundle of `placement_group`."""

    def __init__(self, settings: Settings, placement_group: PlacementGroup) -> None:
        """Start all ranks; raises `GangBroken` (with the first cause) unless every one is ready,
        and what `arrange_gang` raises before any is started."""
        self._settings = settings
        self._broken: str | None = None
        plan, bundles = arrange_gang(settings, placement_group)
        self._ranks = [
            _new_rank(index, bundle, settings, placement_group)
            for index, bundle in enumerate(bundles)
        ]
        try:
            address = ray.get(self._ranks[0].rendezvous.remote(), timeout=START_TIMEOUT_S)
            ray.get(
                [rank.start.remote(*address, plan) for rank in self._ranks], timeout=START_TIMEOUT_S
            )
        except Exception as error:
            self._break(f"the gang did not start: {_cause(error)}")
            raise GangBroken(self._broken) from error

    def generate(
        self, job: Job, traceparent: str, on_progress: Callable[[RankStatus], None]
    ) -> np.ndarray:
        """Run the job on all ranks and return its frames_THWC (uint8 RGB).

        `on_progress` is called every `POLL_S`; when it raises, the ranks stop at their next step
        and the error passes through. Raises `GangBroken` when a rank dies, `GangStalled` when the
        step counter stands still for `stall_s`.
        """
        running = [
            rank.generate.remote(job.id, job.screened_spec, job.attempt, traceparent)
            for rank in self._ranks
        ]
        watch = _ProgressWatch(self._settings.stall_s)
        while True:
            done, pending = ray.wait(running, num_returns=len(running), timeout=POLL_S)
            if any(_has_failed(reference) for reference in done):
                self._raise_first_failure(running)
            if not pending:
                frames: np.ndarray = ray.get(running[0])
                return frames
            status = self._status_of_rank_0()
            if watch.has_stalled(status, time.monotonic()):
                self._break(f"no progress for {self._settings.stall_s:g} s in {status.phase}")
                raise GangStalled(self._broken)
            try:
                on_progress(status)
            except TelecineError:
                self._stop(job.id, running)
                raise

    def check_health(self) -> None:
        """Raise `GangBroken` unless every rank answers on its control thread."""
        if self._broken is None:
            try:
                ray.get([rank.status.remote() for rank in self._ranks], timeout=PING_TIMEOUT_S)
            except Exception as error:
                self._break(f"a rank does not answer: {_cause(error)}")
        if self._broken is not None:
            raise GangBroken(self._broken)

    def close(self) -> None:
        """End every rank; safe to call twice."""
        for rank in self._ranks:
            ray.kill(rank)

    def _status_of_rank_0(self) -> RankStatus:
        try:
            status: RankStatus = ray.get(self._ranks[0].status.remote(), timeout=PING_TIMEOUT_S)
            return status
        except Exception as error:
            self._break(f"rank 0 does not answer: {_cause(error)}")
            raise GangBroken(self._broken) from error

    def _stop(self, job_id: str, running: list[Any]) -> None:
        """Ask all ranks to stop at their next step; a gang that does not is broken."""
        ray.get([rank.cancel.remote(job_id) for rank in self._ranks], timeout=PING_TIMEOUT_S)
        _, pending = ray.wait(
            running, num_returns=len(running), timeout=self._settings.stall_s, fetch_local=False
        )
        if pending:
            self._break(f"the ranks did not stop within {self._settings.stall_s:g} s")

    def _raise_first_failure(self, running: list[Any]) -> None:
        """One rank failed. If all did, they are still in step; else the rest waits for ever."""
        done, pending = ray.wait(running, num_returns=len(running), timeout=2.0)
        failures = [error for error in map(_failure, done) if error is not None]
        in_step = not pending and len(failures) == len(running)
        known = next((e for e in failures if isinstance(e, TelecineError)), None)
        if in_step and known is not None:
            raise known
        self._break(f"a rank failed: {_cause(failures[0])}")
        if isinstance(known, OutOfMemory):  # the others wait for it in a collective
            raise known
        raise GangBroken(self._broken) from failures[0]

    def _break(self, why: str) -> None:
        logger.error(why, extra={"action": "gang_broken", "num_ranks": len(self._ranks)})
        self._broken = f"{why}; the gang is rebuilt"
        self.close()


class _ProgressWatch:
    """Remembers when the step counter last moved."""

    def __init__(self, stall_s: float) -> None:
        self._stall_s = stall_s
        self._seen: RankStatus | None = None
        self._moved_at = 0.0

    def has_stalled(self, status: RankStatus, now_s: float) -> bool:
        if status != self._seen:
            self._seen, self._moved_at = status, now_s
        return now_s - self._moved_at > self._stall_s


def _new_rank(index: int, bundle: int, settings: Settings, placement_group: PlacementGroup) -> Any:
    strategy = PlacementGroupSchedulingStrategy(
        placement_group=placement_group, placement_group_bundle_index=bundle
    )
    options = {"num_cpus": 1, "scheduling_strategy": strategy, "max_restarts": 0}
    if settings.rank_device == "cuda":
        options["num_gpus"] = 1
    return (
        ray.remote(concurrency_groups={"control": 2})(Rank)
        .options(**options)
        .remote(index, settings)
    )


def _has_failed(reference: Any) -> bool:
    return _failure(reference) is not None


def _failure(reference: Any) -> Exception | None:
    try:
        ray.get(reference, timeout=0)
    except ray.exceptions.RayTaskError as error:
        return error.cause if isinstance(error.cause, Exception) else error
    except Exception as error:
        return error
    return None


def _cause(error: Exception) -> str:
    """The last line of the innermost error: Ray's own text repeats the whole remote traceback."""
    cause = error.cause if isinstance(error, ray.exceptions.RayTaskError) else error
    lines = str(cause).strip().splitlines()
    return f"{type(cause).__name__}: {lines[0][:200] if lines else ''}"
