"""The review queue: jobs that a safeguard held, and a person's word that lets them on or ends them.

Reviewers see every tenant's held jobs, prompts included: their keys carry a scope of their own.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from telecine_platform.errors import IllegalTransition
from telecine_platform.jobs.database import Database, one_page
from telecine_platform.jobs.fenced import change, no_such_job
from telecine_platform.jobs.rows import job_from_row, json_from_verdict
from telecine_platform.jobs.tables import jobs
from telecine_platform.ledger.append import append_event
from telecine_platform.records import Job, JobError, JobState, Stage
from telecine_platform.rights.uses import record_uses
from telecine_safeguards.ledger.events import EventKind, decision_body
from telecine_safeguards.verdict import Action, Verdict

APPROVED, REFUSED, EXPIRED = "review_approved", "review_refused", "review_expired"
IS_HELD = jobs.c.state == sa.literal_column("'held'")
"""A literal, so that the planner sees that the index of held jobs will do."""


class HeldJobs:
    """Held jobs in the job store's tables; each decision is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, job_id: str) -> Job:
        """Any tenant's job, held or not; a deleted one is `NotFound`."""
        with self._database.read() as connection:
            return job_from_row(_row(connection, job_id))

    def list_held(self, *, limit: int, after: str | None = None) -> tuple[list[Job], bool]:
        """One page, the longest waiting first, and whether there are more."""
        query = (
            sa.select(jobs)
            .where(IS_HELD, jobs.c.deleted_at.is_(None))
            .order_by(jobs.c.id)
            .limit(limit + 1)
        )
        if after is not None:
            query = query.where(jobs.c.id > after)
        with self._database.read() as connection:
            page = [job_from_row(row) for row in connection.execute(query)]
        return one_page(page, limit)

    def approve(self, job_id: str, *, who: str, note: str, now: datetime) -> Job:
        """Let the job go on; its grants are used from here on.

        A prompt goes to generation. A clip goes through moderation again, which still blocks what
        the policy blocks, and then releases what it had held.
        """
        values = {"attempt": 0, "queued_at": now, "available_at": now}
        text = "A reviewer let this pass." + (f" Note: {note}" if note else "")
        return self._decide(job_id, JobState.QUEUED, APPROVED, text, values, who, now)

    def refuse(self, job_id: str, *, who: str, note: str, now: datetime) -> Job:
        """End the job; the caller reads the note."""
        text = "A reviewer refused this." + (f" {note}" if note else " Change the prompt.")
        error = JobError(code=REFUSED, message=text)
        values = {"error": asdict(error), "finished_at": now}
        return self._decide(job_id, JobState.BLOCKED, REFUSED, text, values, who, now)

    def forget(self, job_id: str, now: datetime) -> Job:
        """End a job that nobody has reviewed in time: what nobody let pass stays unmade."""
        text = "Nobody reviewed this in time. Change the prompt, or ask again."
        error = JobError(code=EXPIRED, message=text)
        values = {"error": asdict(error), "finished_at": now}
        return self._decide(job_id, JobState.BLOCKED, EXPIRED, text, values, "telecine", now)

    def _decide(
        self,
        job_id: str,
        state: JobState,
        reason_code: str,
        message: str,
        values: dict[str, Any],  # Any: column values
        who: str,
        now: datetime,
    ) -> Job:
        with self._database.write() as connection:
            row = _row(connection, job_id, lock=True)
            job = job_from_row(row)
            if job.state is not JobState.HELD:
                raise IllegalTransition(f"job {job_id} is {job.state}: only held jobs are reviewed")
            held = job.verdicts[-1]
            verdict = Verdict(
                checkpoint=held.checkpoint,
                action=Action.ALLOW if state is JobState.QUEUED else Action.BLOCK,
                rule="review",
                reason_code=reason_code,
                message=message,
                findings=(),
                registry_version=held.registry_version,
            )
            verdicts = [json_from_verdict(item) for item in (*job.verdicts, verdict)]
            if state is JobState.QUEUED:
                is_prompt = job.stage is Stage.SCREENING
                values = values | {"stage": Stage.GENERATION if is_prompt else job.stage}
                record_uses(connection, job.id, job.tenant_id, held.grants_used, now)
            values = values | {"state": state, "verdicts": verdicts}
            decision = decision_body(verdict) | {"who": who}
            append_event(connection, EventKind.REVIEW, job.id, decision, now)
            # The note stays on the verdict, which goes when the caller deletes the job.
            changed = change(connection, row, values, now, reason=f"{reason_code} {who}")
            return job_from_row(changed)


def _row(connection: sa.Connection, job_id: str, *, lock: bool = False) -> sa.Row[Any]:
    query = sa.select(jobs).where(jobs.c.id == job_id, jobs.c.deleted_at.is_(None))
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise no_such_job(job_id)
    return row
