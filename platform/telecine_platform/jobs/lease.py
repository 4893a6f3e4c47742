"""A worker's hold on one job, renewed by a thread of its own: work never has to think of it.

The work calls `check` wherever it can stop; it raises as soon as the job is no longer ours.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from types import TracebackType

from telecine_platform.errors import JobTimeout, LeaseLost, StoreUnavailable
from telecine_platform.jobs.store import JobStore
from telecine_platform.records import Job
from telecine_platform.settings import Settings

logger = logging.getLogger(__name__)

LOOK_S = 0.5
"""How often a worker asks whether its job was cancelled or halted: a read of one row."""


class Lease:
    """Use as a context manager around the work on a claimed job."""

    def __init__(
        self, jobs: JobStore, job: Job, settings: Settings, clock: Callable[[], datetime]
    ) -> None:
        self._jobs = jobs
        self._job = job
        self._settings = settings
        self._clock = clock
        self._lease = timedelta(seconds=settings.lease_s)
        self._expires_at = clock() + self._lease
        self._give_up_at = clock() + timedelta(seconds=settings.job_timeout_s)
        self._is_lost = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._renew, name=f"lease-{job.id}", daemon=True)
        self.progress: int | None = None
        """Per cent, written with the next heartbeat; None leaves the stored value."""

    def __enter__(self) -> Lease:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def is_ours(self) -> bool:
        """Whether the store would still take a write of ours, as far as we can know."""
        return not self._is_lost and self._clock() < self._expires_at

    def check(self) -> None:
        """Raise `LeaseLost` or `JobTimeout` when the work has to stop."""
        if not self.is_ours:
            raise LeaseLost(f"job {self._job.id}: the lease of epoch {self._job.epoch} is gone")
        if self._clock() >= self._give_up_at:
            raise JobTimeout(
                f"The {self._job.stage} stage took longer than {self._settings.job_timeout_s:g} s. "
                "Ask for a smaller or shorter video."
            )

    def _renew(self) -> None:
        renewed_s = time.monotonic()
        while not self._ended.wait(min(LOOK_S, self._settings.heartbeat_s)):
            try:
                if time.monotonic() - renewed_s < self._settings.heartbeat_s:
                    self._is_lost = not self._jobs.is_owned(self._job)
                else:
                    self._beat()
                    renewed_s = time.monotonic()
            except LeaseLost:
                self._is_lost = True
            except StoreUnavailable as error:
                logger.warning(str(error), extra={"action": "heartbeat", "job_id": self._job.id})
            if self._is_lost:
                return

    def _beat(self) -> None:
        now = self._clock()
        self._jobs.heartbeat(self._job, self._settings.lease_s, now, self.progress)
        self._expires_at = now + self._lease
