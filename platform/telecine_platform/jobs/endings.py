"""How a caller ends a job: by deleting it, or by cancelling it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from telecine_platform.jobs.fenced import CANCELLED, change, visible_row
from telecine_platform.jobs.rows import job_from_row
from telecine_platform.jobs.tickets import void_tickets
from telecine_platform.records import Job, JobState


def delete_job(connection: sa.Connection, job_id: str, tenant_id: str, now: datetime) -> Job:
    """Hide the job, blank its texts and stop whoever works on it. Returns it as it was."""
    row = visible_row(connection, job_id, tenant_id, lock=True)
    job = job_from_row(row)
    values: dict[str, Any] = {
        "deleted_at": now,
        "swept_at": None,
        "spec": row.spec | {"prompt": "", "negative_prompt": ""},
        "verdicts": [],
        "clip": None,
        "error": None,  # it can name what the prompt named, or hold a reviewer's note
        "terms": {},
    }
    if not job.state.is_final:
        values |= CANCELLED | {"epoch": job.epoch + 1, "finished_at": now}
    change(connection, row, values, now, reason="deleted")
    void_tickets(connection, job_id)
    return job


def cancel_job(connection: sa.Connection, job_id: str, tenant_id: str, now: datetime) -> Job:
    """End the job, wherever it stands: whoever works on it stops at its next step.

    A job that is cancelled already is returned as it is. Raises `IllegalTransition` for one
    that has ended otherwise.
    """
    row = visible_row(connection, job_id, tenant_id, lock=True)
    job = job_from_row(row)
    if job.state is JobState.CANCELLED:
        return job
    values = CANCELLED | {"epoch": job.epoch + 1, "finished_at": now}
    return job_from_row(change(connection, row, values, now, reason="cancelled"))
