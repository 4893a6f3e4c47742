"""Brings lost jobs back and sweeps what lost attempts left behind.

Every stage replica runs it now and then; any number may run at once, because each step is fenced or
repeatable.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from telecine_platform.errors import LeaseLost, NotFound
from telecine_platform.jobs.retry import RetryPolicy
from telecine_platform.jobs.store import JobStore
from telecine_platform.records import Job, JobError, JobState
from telecine_platform.storage.store import CHECKPOINTS, QUARANTINE, RESULTS, BlobStore

logger = logging.getLogger(__name__)

SWEEP_AFTER_S = 60.0
"""Sweeps wait this long after a job's end, so that a worker cut off has stopped writing."""


def return_expired(jobs: JobStore, policy: RetryPolicy, now: datetime) -> int:
    """Queue again, or fail, each job whose worker let its lease run out; returns how many."""
    num_returned = 0
    for job in jobs.expired(now):
        error = JobError(
            code="worker_lost",
            message=f"The {job.stage} worker was lost on attempt {job.attempt}. Try again later.",
        )
        try:
            state = jobs.retry_or_fail(job, error, policy, now, is_retryable=True)
        except LeaseLost:
            continue  # another reaper was faster, or the worker has just finished
        num_returned += 1
        logger.warning(
            "lease expired",
            extra={"action": "lease_expired", "job_id": job.id, "attempt": job.attempt}
            | {"stage": job.stage, "state": state},
        )
    return num_returned


def expire(jobs: JobStore, result_ttl_s: float, now: datetime) -> int:
    """Delete finished jobs of that age, as their owner would; the next sweep takes their blobs."""
    num_expired = 0
    for job in jobs.finished(now - timedelta(seconds=result_ttl_s)):
        try:
            jobs.delete(job.id, job.tenant_id, now)
        except NotFound:
            continue  # another reaper was faster, or its owner was
        num_expired += 1
        logger.info("expired", extra={"action": "expired", "job_id": job.id})
    return num_expired


def sweep(jobs: JobStore, blobs: BlobStore, now: datetime) -> int:
    """Delete blobs that no released clip needs; returns how many."""
    num_deleted = 0
    for job in jobs.unswept(now - timedelta(seconds=SWEEP_AFTER_S)):
        num_deleted += sum(blobs.delete(key) for key in leftover_keys(job, blobs))
        jobs.mark_swept(job.id, now)
    return num_deleted


def leftover_keys(job: Job, blobs: BlobStore) -> list[str]:
    """Keys of a final job that may go: all but the released clip and a blocked job's evidence."""
    kept = set() if job.clip is None else {job.clip.video, job.clip.thumbnail, job.clip.spritesheet}
    keys = blobs.keys(f"{RESULTS}/{job.id}") + blobs.keys(f"{CHECKPOINTS}/{job.id}")
    if job.state is not JobState.BLOCKED:
        keys += blobs.keys(f"{QUARANTINE}/{job.id}")
    return [key for key in keys if key not in kept]
