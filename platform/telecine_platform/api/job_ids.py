"""A job's id as it comes in a path."""

from __future__ import annotations

import re

from telecine_platform.errors import NotFound
from telecine_platform.ids import JOB_ID_PATTERN


def checked_job_id(job_id: str) -> str:
    """Anything that cannot be an id of ours does not reach the database or the storage."""
    if not re.fullmatch(JOB_ID_PATTERN, job_id):
        raise NotFound(f"no video {job_id[:100]!r}: it was deleted, or there never was one")
    return job_id
