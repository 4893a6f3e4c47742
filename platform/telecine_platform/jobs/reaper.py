"""Brings lost jobs back and sweeps what lost attempts left behind.

The stage replicas take turns at it (`turns.py`); should two run at once, no harm is done, because
each step is fenced or repeatable.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from telecine_platform.errors import IllegalTransition, LeaseLost, NotFound
from telecine_platform.evidence.store import EvidenceStore, note_evidence
from telecine_platform.jobs.due import (
    held_jobs,
    lost_jobs,
    mark_swept,
    unswept_jobs,
    visible_jobs,
)
from telecine_platform.jobs.held import HeldJobs
from telecine_platform.jobs.orphans import LOOK_EVERY_S, delete_orphans
from telecine_platform.jobs.overdue import fail_overdue
from telecine_platform.jobs.retry import QUARANTINED, Failure, RetryPolicy
from telecine_platform.jobs.store import JobStore
from telecine_platform.jobs.tenant_queues import adopt
from telecine_platform.jobs.tickets import forget_tickets
from telecine_platform.jobs.turns import take_turn
from telecine_platform.records import Job, JobError, JobState
from telecine_platform.settings import Settings
from telecine_platform.storage.store import CHECKPOINTS, INPUTS, QUARANTINE, RESULTS, BlobStore

logger = logging.getLogger(__name__)

SWEEP_AFTER_S = 60.0
"""Sweeps wait this long after a job's end, so that a worker cut off has stopped writing."""


def reap(
    jobs: JobStore, blobs: BlobStore, policy: RetryPolicy, settings: Settings, now: datetime
) -> None:
    """One round of everything; each step takes a bounded number of jobs."""
    with jobs.database.write() as connection:
        adopt(connection, now)
    return_expired(jobs, policy, now)
    refuse_forgotten(jobs, settings.held_ttl_s, now)
    end_overdue(jobs, now)
    forget_tickets(jobs.database, now)
    expire(jobs, settings.result_ttl_s, now)
    sweep(jobs, blobs, now)
    if take_turn(jobs.database, "orphans", LOOK_EVERY_S, now):
        delete_orphans(jobs.database, blobs, now)
    EvidenceStore(jobs.database, blobs).forget(settings.evidence_ttl_s, now)


def return_expired(jobs: JobStore, policy: RetryPolicy, now: datetime) -> int:
    """Queue again, or fail, each job whose worker let its lease run out; returns how many."""
    num_returned = 0
    for job in lost_jobs(jobs.database, now):
        error = JobError(
            code="worker_lost",
            message=f"The {job.stage} worker was lost on attempt {job.attempt}. Try again later.",
        )
        try:
            state = jobs.retry_or_fail(job, error, Failure.DEATH, policy, now)
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
    for job in visible_jobs(jobs.database, now - timedelta(seconds=result_ttl_s)):
        try:
            jobs.delete(job.id, job.tenant_id, now)
        except NotFound:
            continue  # another reaper was faster, or its owner was
        num_expired += 1
        logger.info("expired", extra={"action": "expired", "job_id": job.id})
    return num_expired


def refuse_forgotten(jobs: JobStore, held_ttl_s: float, now: datetime) -> int:
    """Refuse the held jobs that nobody has reviewed in time; returns how many."""
    num_refused = 0
    for job in held_jobs(jobs.database, now - timedelta(seconds=held_ttl_s)):
        try:
            HeldJobs(jobs.database).forget(job.id, now)
        except (NotFound, IllegalTransition):
            continue  # a reviewer was faster, or its owner was
        num_refused += 1
        logger.info("nobody reviewed", extra={"action": "review_expired", "job_id": job.id})
    return num_refused


def end_overdue(jobs: JobStore, now: datetime) -> int:
    """Fail the jobs whose deadline has passed; returns how many."""
    overdue = fail_overdue(jobs.database, now)
    for job_id in overdue:
        logger.info("overdue", extra={"action": "overdue", "job_id": job_id})
    return len(overdue)


def sweep(jobs: JobStore, blobs: BlobStore, now: datetime) -> int:
    """Delete blobs that no released clip needs; returns how many."""
    num_deleted = 0
    for job in unswept_jobs(jobs.database, now - timedelta(seconds=SWEEP_AFTER_S)):
        num_deleted += sum(blobs.delete(key) for key in leftover_keys(job, blobs))
        if job.state is JobState.BLOCKED:
            note_evidence(jobs.database, job.id, now)
        mark_swept(jobs.database, job.id, now)
    return num_deleted


def leftover_keys(job: Job, blobs: BlobStore) -> list[str]:
    """Keys of a final job that may go: all but the released clip, the pictures that it was made
    from, and what is kept as evidence."""
    kept = set() if job.clip is None else {*job.clip.keys, *job.spec.picture_keys}
    keys = blobs.keys(f"{RESULTS}/{job.id}")
    is_quarantined = job.error is not None and job.error.code == QUARANTINED
    if not is_quarantined:
        keys += blobs.keys(f"{CHECKPOINTS}/{job.id}")
    if not is_quarantined and job.state is not JobState.BLOCKED:
        keys += blobs.keys(f"{QUARANTINE}/{job.id}")
        keys += blobs.keys(f"{INPUTS}/{job.id}") if job.spec.picture_keys else []
    return [key for key in keys if key not in kept]
