"""The loop that all three stages share: claim under a lease, work, hand over with the epoch.

Invariant: whatever happens to this process, the job is either settled by exactly one epoch or
claimed again. Errors of the work end here: they are logged and recorded on the job.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from telecine_platform.clips.records import Provenance
from telecine_platform.clock import utc_now
from telecine_platform.errors import LeaseLost, StoreUnavailable, TelecineError
from telecine_platform.halts.store import HaltStore
from telecine_platform.ids import new_worker_id
from telecine_platform.jobs.lease import Lease
from telecine_platform.jobs.reaper import reap
from telecine_platform.jobs.retry import Failure, RetryPolicy, failure_from_error
from telecine_platform.jobs.store import JobStore
from telecine_platform.jobs.turns import take_turn
from telecine_platform.jobs.workers import SHOW_S, Workers
from telecine_platform.records import ClipKeys, Job, JobError, Stage
from telecine_platform.rights.claim import licence_stop
from telecine_platform.rights.store import RightsStore
from telecine_platform.settings import Settings
from telecine_platform.storage.store import BlobStore
from telecine_platform.telemetry.tracing import span
from telecine_safeguards.verdict import Verdict
from telecine_serve.pod_drain import PodDrain

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOver:
    """The job goes on to its next stage."""

    verdict: Verdict | None = None
    draft: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """The clip is published; the job is done."""

    clip: ClipKeys
    verdict: Verdict
    provenance: Provenance | None = None
    """None: the clip was not marked, as no worker of ours leaves it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A safeguard ended the job."""

    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A person has to look at it first."""

    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeAgain:
    """The clip goes back to be made without what the verdict names."""

    verdict: Verdict


Outcome = HandOver | Release | Block | Hold | MakeAgain


class StageWorker(Protocol):
    """What one stage does to one job."""

    def work(self, job: Job, lease: Lease) -> Outcome:
        """Do the stage's work; call `lease.check()` often. Any error goes to the loop."""

    def check_health(self) -> None:
        """Raise if the next job could not be worked on."""

    def close(self) -> None: ...


class StageLoop:
    """Runs one worker until `stop`; one job at a time."""

    def __init__(
        self,
        stage: Stage,
        worker: StageWorker,
        jobs: JobStore,
        blobs: BlobStore,
        settings: Settings,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._stage = stage
        self._worker = worker
        self._jobs = jobs
        self._blobs = blobs
        self._settings = settings
        self._clock = clock
        self._rights = RightsStore(jobs.database)
        self._halts = HaltStore(jobs.database)
        self._workers = Workers(jobs.database)
        self._retry = RetryPolicy(
            max_attempts=settings.max_attempts,
            delay_s=settings.retry_delay_s,
            max_deaths=settings.max_deaths,
        )
        self._worker_id = new_worker_id(stage)
        self._drain = PodDrain(settings.drain_folder)
        self._num_gpus = settings.num_ranks if stage is Stage.GENERATION else 0
        self._model = settings.model if stage is Stage.GENERATION else None
        self._stopping = threading.Event()
        self._next_reap_at = self._next_show_at = clock()

    def stop(self) -> None:
        """Claim nothing more; the job in hand is finished first."""
        self._stopping.set()

    def run(self) -> None:
        """Claim and work until stopped, or until the worker is no longer healthy (raises)."""
        while not self._stopping.is_set():
            self._worker.check_health()
            with self._drain.at_work() as may_claim:
                pause_s = self._work_on_next() if may_claim else self._settings.poll_s
            self._stopping.wait(pause_s)

    def _work_on_next(self) -> float:
        """Claim a job and settle it; returns how long to wait before the next claim."""
        try:
            self._reap_now_and_then()
            job = self._jobs.claim(
                self._stage,
                self._worker_id,
                self._settings.lease_s,
                self._clock(),
                num_gpus=self._num_gpus,
                model=self._model,
            )
            if job is None:
                self._show_idle_now_and_then()
        except TelecineError as error:
            logger.warning(str(error), extra={"action": "claim", "stage": self._stage})
            return self._settings.heartbeat_s
        if job is None:
            return self._settings.poll_s
        self._work_on(job)
        return 0.0

    def _work_on(self, job: Job) -> None:
        about = {"job_id": job.id, "stage": job.stage, "attempt": job.attempt, "epoch": job.epoch}
        logger.info("claimed", extra={"action": "claimed", **about})
        with (
            Lease(self._jobs, job, self._settings, self._clock) as lease,
            span(job.stage, job.traceparent, job_id=job.id, attempt=job.attempt, epoch=job.epoch),
        ):
            try:
                outcome: Outcome | Exception = self._work(job, lease)
            except Exception as error:  # the process's edge: the cause is recorded on the job
                if not isinstance(error, LeaseLost):
                    logger.exception("failed", extra={"action": "failed", **about})
                outcome = error
            state = self._settle(lease, job, outcome)
        logger.info(state, extra={"action": "settled", "state": state, **about})

    def _work(self, job: Job, lease: Lease) -> Outcome:
        """Work, unless a licence of the job has lapsed: before the work, or before the release."""
        verdict = licence_stop(self._rights, job, self._clock())
        outcome = self._worker.work(job, lease) if verdict is None else Block(verdict=verdict)
        if isinstance(outcome, Release):
            verdict = licence_stop(self._rights, job, self._clock())
        return outcome if verdict is None else Block(verdict=verdict)

    def _settle(self, lease: Lease, job: Job, outcome: Outcome | Exception) -> str:
        """Write the outcome, and keep trying through a database outage while the lease is ours."""
        while True:
            try:
                return self._write(job, outcome)
            except LeaseLost as error:
                return f"lost: {error}"
            except StoreUnavailable as error:
                if not lease.is_ours:
                    return f"lost: {error}"
                time.sleep(self._settings.poll_s)

    def _write(self, job: Job, outcome: Outcome | Exception) -> str:
        match outcome:
            case HandOver(verdict=verdict, draft=draft):
                self._jobs.hand_over(job, verdict, self._clock(), draft)
                return "handed over"
            case Release(clip=clip, verdict=verdict, provenance=provenance):
                self._jobs.complete(job, clip, verdict, self._clock(), provenance)
                return "released"
            case Block(verdict=verdict):
                self._jobs.block(job, verdict, self._clock())
                return "blocked"
            case Hold(verdict=verdict):
                self._jobs.hold(job, verdict, self._clock())
                return "held"
            case MakeAgain(verdict=verdict):
                self._jobs.make_again(job, verdict, self._clock())
                return "made again"
            case LeaseLost():
                raise outcome
            case _:
                return self._give_back(job, outcome)

    def _give_back(self, job: Job, error: Exception) -> str:
        failure = failure_from_error(error)
        code = error.code if isinstance(error, TelecineError) else "internal_error"
        if failure in (Failure.JOB, Failure.SIZE):
            message = str(error)
        else:  # the text may name hosts and folders: the log has it, the caller gets the code
            message = f"The {job.stage} stage could not finish ({code}). Try again later."
        reason = JobError(code=code, message=message)
        return self._jobs.retry_or_fail(job, reason, failure, self._retry, self._clock())

    def _show_idle_now_and_then(self) -> None:
        now = self._clock()
        if now >= self._next_show_at:
            self._next_show_at = now + timedelta(seconds=SHOW_S)
            self._workers.show_idle(self._worker_id, self._stage, now, self._model or "")

    def _reap_now_and_then(self) -> None:
        now = self._clock()
        if now < self._next_reap_at:
            return
        period_s = self._settings.lease_s / 3
        self._next_reap_at = now + timedelta(seconds=period_s)
        if take_turn(self._jobs.database, "reaper", period_s, now):
            self._halts.apply(now)
            reap(self._jobs, self._blobs, self._retry, self._settings, now)
