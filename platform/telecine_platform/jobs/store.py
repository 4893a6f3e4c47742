"""The job store: each method is one transaction, and each write by a worker is fenced.

Invariant: a job is owned by at most one worker, the one that holds its current epoch. Claiming
raises the epoch; every later write says which epoch it belongs to and raises `LeaseLost` when the
job has moved on. Times come in as arguments, so that rules can be tested without waiting.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from telecine_platform.clips.records import Provenance, record_release
from telecine_platform.clock import utc_now
from telecine_platform.halts.stop import refuse_halted
from telecine_platform.jobs.claim import claim_next
from telecine_platform.jobs.database import Database, one_page
from telecine_platform.jobs.endings import cancel_job, delete_job
from telecine_platform.jobs.fenced import (
    lease_lost,
    owned,
    record_transition,
    seed_totals,
    settle,
    visible_row,
)
from telecine_platform.jobs.retry import (
    Failure,
    RetryPolicy,
    delay_before_retry_s,
    is_to_quarantine,
    quarantine_error,
)
from telecine_platform.jobs.rows import job_from_row, json_from_terms
from telecine_platform.jobs.tables import jobs
from telecine_platform.jobs.tenant_queues import admit, refresh_all
from telecine_platform.jobs.tickets import Ticket, take_ticket, taken_by
from telecine_platform.jobs.totals import read_backlog, read_backlogs, read_history, read_totals
from telecine_platform.records import (
    NO_TERMS,
    Backlog,
    ClipKeys,
    Job,
    JobError,
    JobState,
    JobTerms,
    Stage,
    VideoSpec,
)
from telecine_platform.scheduling.admission import UNPRICED, Admission
from telecine_platform.transitions import AGAIN_STAGE, NEXT_STAGE
from telecine_safeguards.verdict import Verdict


class JobStore:
    """Jobs on SQLite or PostgreSQL. Raises `StoreUnavailable` when the database does not answer."""

    def __init__(self, database_url: str) -> None:
        self._database = Database(database_url)

    @property
    def database(self) -> Database:
        """Where the jobs lie; the rights store and the review queue share it."""
        return self._database

    def create_tables(self) -> None:
        def seed(connection: sa.Connection) -> None:
            seed_totals(connection)
            refresh_all(connection, utc_now())

        self._database.create_tables(seed)

    def close(self) -> None:
        self._database.close()

    # The caller's side.

    def submit(
        self,
        *,
        job_id: str,
        tenant_id: str,
        spec: VideoSpec,
        traceparent: str,
        now: datetime,
        terms: JobTerms = NO_TERMS,
        ticket: Ticket | None = None,
        admission: Admission = UNPRICED,
    ) -> Job:
        """Store a new job in the screening queue. Once this returns, the job is not lost.

        Where `ticket` is taken already, nothing is stored, and its job is returned. Raises
        `IdempotencyConflict` for a ticket with another body, `Halted` where an operator stopped it.
        """
        with self._database.write() as connection:
            if ticket is not None:
                owner = take_ticket(connection, ticket, tenant_id=tenant_id, job_id=job_id, now=now)
                if owner != job_id:
                    return job_from_row(visible_row(connection, owner, tenant_id))
            refuse_halted(connection, model=spec.model, tenant_id=tenant_id, region=terms.region)
            row = connection.execute(
                sa.insert(jobs)
                .values(
                    id=job_id,
                    tenant_id=tenant_id,
                    spec=asdict(spec),
                    terms=json_from_terms(terms),
                    region=terms.region,
                    model=spec.model,
                    deadline_at=terms.deadline_at,
                    priority=admission.priority,
                    price_gpu_s=admission.price_gpu_s,
                    start_by=admission.start_by,
                    overdue_at=admission.overdue_at,
                    stage=Stage.SCREENING,
                    state=JobState.QUEUED,
                    verdicts=[],
                    traceparent=traceparent,
                    created_at=now,
                    queued_at=now,
                    available_at=now,
                )
                .returning(jobs)
            ).one()
            admit(connection, tenant_id, spec.model, admission)
            record_transition(connection, row, now, worker_id=None, reason="submitted")
            return job_from_row(row)

    def get(self, job_id: str, tenant_id: str) -> Job:
        """The tenant's job. Another tenant's job is as unknown as one that never was."""
        with self._database.read() as connection:
            return job_from_row(visible_row(connection, job_id, tenant_id))

    def get_many(self, job_ids: Collection[str]) -> dict[str, Job]:
        """Any tenants' jobs by their ids; one that is deleted or unknown is missing."""
        query = sa.select(jobs).where(jobs.c.id.in_(job_ids), jobs.c.deleted_at.is_(None))
        with self._database.read() as connection:
            return {row.id: job_from_row(row) for row in connection.execute(query)}

    def submitted_before(self, ticket: Ticket, tenant_id: str, now: datetime) -> Job | None:
        """The job that a create with this ticket made already; raises as `submit`."""
        with self._database.read() as connection:
            job_id = taken_by(connection, ticket, tenant_id=tenant_id, now=now)
            if job_id is None:
                return None
            return job_from_row(visible_row(connection, job_id, tenant_id))

    def list_jobs(
        self, tenant_id: str, *, limit: int, after: str | None = None, newest_first: bool = True
    ) -> tuple[list[Job], bool]:
        """One page of the tenant's jobs and whether there are more; `after` is the last id seen."""
        query = sa.select(jobs).where(jobs.c.tenant_id == tenant_id, jobs.c.deleted_at.is_(None))
        if after is not None:
            query = query.where(jobs.c.id < after if newest_first else jobs.c.id > after)
        query = query.order_by(jobs.c.id.desc() if newest_first else jobs.c.id).limit(limit + 1)
        with self._database.read() as connection:
            page = [job_from_row(row) for row in connection.execute(query)]
        return one_page(page, limit)

    def delete(self, job_id: str, tenant_id: str, now: datetime) -> Job:
        """Hide the job, blank its texts and stop whoever works on it. Returns it as it was."""
        with self._database.write() as connection:
            return delete_job(connection, job_id, tenant_id, now)

    def cancel(self, job_id: str, tenant_id: str, now: datetime) -> Job:
        """End the job, wherever it stands: whoever works on it stops at its next step.

        A job that is cancelled already is returned as it is. Raises `IllegalTransition` for one
        that has ended otherwise.
        """
        with self._database.write() as connection:
            return cancel_job(connection, job_id, tenant_id, now)

    # The worker's side.

    def claim(
        self,
        stage: Stage,
        worker_id: str,
        lease_s: float,
        now: datetime,
        *,
        num_gpus: int = 0,
        model: str | None = None,
    ) -> Job | None:
        """Take the next job of this stage's queue, under a new epoch; None: nothing can be done.

        `num_gpus` is what the worker works with: its time is booked on the job's tenant. `model` is
        the only one that a gang can make; None: the worker takes every model's jobs.
        """
        with self._database.write() as connection:
            row = claim_next(
                connection,
                stage,
                worker_id=worker_id,
                lease_s=lease_s,
                num_gpus=num_gpus,
                model=model,
                now=now,
            )
            return None if row is None else job_from_row(row)

    def heartbeat(
        self, job: Job, lease_s: float, now: datetime, progress: int | None = None
    ) -> None:
        """Renew the lease and report progress. Raises `LeaseLost` when it is somebody else's."""
        values: dict[str, Any] = {"lease_expires_at": now + timedelta(seconds=lease_s)}
        if progress is not None:
            values["progress"] = progress
        with self._database.write() as connection:
            changed = connection.execute(sa.update(jobs).where(*owned(job)).values(values))
            if changed.rowcount != 1:
                raise lease_lost(job)

    def is_owned(self, job: Job) -> bool:
        """Whether the job's epoch still holds: no other claim, no cancel, no halt since."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(jobs.c.id).where(*owned(job))).one_or_none()
            return row is not None

    def hand_over(
        self, job: Job, verdict: Verdict | None, now: datetime, draft: str | None = None
    ) -> None:
        """Queue the job for its next stage; `draft` is the key of the clip that was made."""
        next_stage = NEXT_STAGE[job.stage]
        if next_stage is None:
            raise ValueError(f"job {job.id} is in its last stage, {job.stage}: complete it instead")
        values = {"stage": next_stage, "attempt": 0, "queued_at": now, "available_at": now}
        if draft is not None:
            values["draft"] = draft
        self._settle(job, JobState.QUEUED, values, verdict, now, reason="handed over")

    def make_again(self, job: Job, verdict: Verdict, now: datetime) -> None:
        """Queue the job for generation once more; the verdict says what is not wanted this time."""
        stage = AGAIN_STAGE.get(job.stage)
        if stage is None:
            raise ValueError(f"job {job.id} is in {job.stage}, which sends nothing back")
        values = {
            "stage": stage, "attempt": 0, "progress": 0, "queued_at": now, "available_at": now,
        }  # fmt: skip
        self._settle(job, JobState.QUEUED, values, verdict, now, reason=verdict.rule)

    def complete(
        self,
        job: Job,
        clip: ClipKeys,
        verdict: Verdict,
        now: datetime,
        provenance: Provenance | None = None,
    ) -> None:
        """Release the clip: from here on the caller can see it.

        Its provenance is kept in the same transaction; None: the clip was not marked.
        """
        values = {"clip": asdict(clip), "progress": 100, "finished_at": now}
        with self._database.write() as connection:
            settle(connection, job, JobState.COMPLETED, values, verdict, now, reason="released")
            if provenance is not None:
                record_release(connection, job, provenance, now)

    def hold(self, job: Job, verdict: Verdict, now: datetime) -> None:
        """Keep the job until a person has looked at it (`held.py`)."""
        self._settle(job, JobState.HELD, {"queued_at": now}, verdict, now, reason=verdict.rule)

    def block(self, job: Job, verdict: Verdict, now: datetime) -> None:
        """End the job because a safeguard refused it."""
        error = JobError(code=verdict.reason_code, message=verdict.message)
        values = {"error": asdict(error), "finished_at": now}
        self._settle(job, JobState.BLOCKED, values, verdict, now, reason=verdict.rule)

    def retry_or_fail(
        self, job: Job, error: JobError, failure: Failure, policy: RetryPolicy, now: datetime
    ) -> JobState:
        """Queue the stage again after a delay, or fail the job for good; returns its new state."""
        num_deaths = job.num_deaths + (failure is Failure.DEATH)
        delay_s = delay_before_retry_s(policy, failure, job.attempt)
        values: dict[str, Any] = {"num_deaths": num_deaths}
        if is_to_quarantine(policy, failure, num_deaths):
            delay_s, error = None, quarantine_error(error, num_deaths)
        if delay_s is None:
            values |= {"error": asdict(error), "finished_at": now}
            self._settle(job, JobState.FAILED, values, None, now, reason=error.code)
            return JobState.FAILED
        values |= {"queued_at": now, "available_at": now + timedelta(seconds=delay_s)}
        self._settle(job, JobState.QUEUED, values, None, now, reason=error.code)
        return JobState.QUEUED

    # The operator's side.

    def backlog(self, stage: Stage, now: datetime) -> Backlog:
        with self._database.read() as connection:
            return read_backlog(connection, stage, now)

    def backlogs(self, stage: Stage, now: datetime) -> dict[str, Backlog]:
        """By model; one without a job in the stage is missing."""
        with self._database.read() as connection:
            return read_backlogs(connection, stage, now)

    def totals(self) -> Sequence[sa.Row[Any]]:
        """Rows of (stage, outcome, num_jobs, wait_s, work_s) since the store was made."""
        with self._database.read() as connection:
            return read_totals(connection)

    def history(self, job_id: str) -> Sequence[sa.Row[Any]]:
        """Every transition of one job, oldest first."""
        with self._database.read() as connection:
            return read_history(connection, job_id)

    def _settle(
        self,
        job: Job,
        state: JobState,
        values: dict[str, Any],
        verdict: Verdict | None,
        now: datetime,
        reason: str,
    ) -> None:
        with self._database.write() as connection:
            settle(connection, job, state, values, verdict, now, reason)
