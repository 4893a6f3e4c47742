"""How a caller ends a job: by deleting it, or by cancelling it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from telecine_platform.jobs.fenced import CANCELLED, record_transition, visible_row
from telecine_platform.jobs.rows import job_from_row
from telecine_platform.jobs.tables import jobs
from telecine_platform.jobs.tickets import void_tickets
from telecine_platform.records import Job, JobState
from telecine_platform.transitions import check_transition


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
        check_transition(job_id, job.state, JobState.CANCELLED)
        values |= CANCELLED | {"epoch": job.epoch + 1, "finished_at": now}
    changed = connection.execute(
        sa.update(jobs).where(jobs.c.id == job_id).values(values).returning(jobs)
    ).one()
    record_transition(connection, changed, now, worker_id=None, reason="deleted")
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
    check_transition(job_id, job.state, JobState.CANCELLED)
    changed = connection.execute(
        sa.update(jobs)
        .where(jobs.c.id == job_id)
        .values(CANCELLED | {"epoch": job.epoch + 1, "finished_at": now})
        .returning(jobs)
    ).one()
    record_transition(connection, changed, now, worker_id=None, reason="cancelled")
    return job_from_row(changed)
