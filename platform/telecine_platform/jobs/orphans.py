"""Pictures whose job never came to be: the API died between storing them and the job's row.

Pictures are stored before their job, so that a job on record has them. Invariant: what a job on
record names is never touched, nor anything that may still get its row.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from datetime import datetime, timedelta

import sqlalchemy as sa

from telecine_platform.ids import JOB_ID_PATTERN, first_job_id
from telecine_platform.jobs.database import Database
from telecine_platform.jobs.tables import jobs
from telecine_platform.storage.store import INPUTS, BlobStore

logger = logging.getLogger(__name__)

ORPHANED_AFTER_S = 24 * 3600.0
"""A job's row follows its pictures within a request: seconds."""
LOOK_EVERY_S = 6 * 3600.0
"""Each look lists every picture in the storage."""
_BATCH = 500
"""Ids in one query."""


def delete_orphans(database: Database, blobs: BlobStore, now: datetime) -> int:
    """Delete the input blobs of that age which have no job; returns how many. Lists all of them."""
    oldest_kept = first_job_id(now - timedelta(seconds=ORPHANED_AFTER_S))
    job_ids = {key.split("/")[1] for key in blobs.keys(INPUTS) if key.count("/") > 1}
    old = sorted(
        job_id for job_id in job_ids if re.match(JOB_ID_PATTERN, job_id) and job_id < oldest_kept
    )
    num_deleted = 0
    for job_id in _without_job(database, old):
        num_deleted += blobs.delete(f"{INPUTS}/{job_id}")
        logger.warning("orphaned", extra={"action": "inputs_orphaned", "job_id": job_id})
    return num_deleted


def _without_job(database: Database, job_ids: list[str]) -> Iterator[str]:
    for first in range(0, len(job_ids), _BATCH):
        batch = job_ids[first : first + _BATCH]
        with database.read() as connection:
            query = sa.select(jobs.c.id).where(jobs.c.id.in_(batch))
            on_record = set(connection.execute(query).scalars())
        yield from (job_id for job_id in batch if job_id not in on_record)
