"""Ending a job on its owner's word, whichever API it came by."""

from __future__ import annotations

import logging

from telecine_platform.api.context import ApiContext
from telecine_platform.errors import StorageUnavailable
from telecine_platform.records import Job, JobState
from telecine_platform.storage.store import INPUTS, RESULTS

logger = logging.getLogger(__name__)


def cancel_job(context: ApiContext, job_id: str, tenant_id: str, request_id: str) -> Job:
    """End the job and keep its record. Blocks; raises as `JobStore.cancel`."""
    job = context.jobs.cancel(job_id, tenant_id, context.now())
    logger.info(
        "job cancelled",
        extra={"action": "job_cancelled", "job_id": job.id, "request_id": request_id},
    )
    return job


def delete_job(context: ApiContext, job_id: str, tenant_id: str, request_id: str) -> None:
    """Stop the job if it still runs, forget its texts, and delete its clip. Blocks."""
    job = context.jobs.delete(job_id, tenant_id, context.now())
    fields = {"job_id": job.id, "request_id": request_id}
    logger.info("job deleted", extra={"action": "job_deleted", "state": job.state} | fields)
    try:
        # Its draft goes with the reaper's sweep, which keeps a blocked job's as evidence.
        context.blobs.delete(f"{RESULTS}/{job.id}")
        if job.spec.picture_keys and job.state is not JobState.BLOCKED:
            context.blobs.delete(f"{INPUTS}/{job.id}")
    except StorageUnavailable:
        # The deletion is durable and nobody can reach the clip: the reaper sweeps its bytes.
        logger.warning("blobs left to the reaper", extra={"action": "blobs_left"} | fields)
