"""The job store: each method is one transaction, and each write by a worker is fenced.

Invariant: a job is owned by at most one worker, the one that holds its current epoch. Claiming
raises the epoch; every later write says which epoch it belongs to and raises `LeaseLost` when the
job has moved on. Times come in as arguments, so that rules can be tested without waiting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from telecine_platform.jobs.database import Database
from telecine_platform.jobs.fenced import (
    NO_LEASE,
    lease_lost,
    owned,
    record_transition,
    seed_totals,
    settle,
    visible_row,
)
from telecine_platform.jobs.retry import RetryPolicy, delay_before_retry_s
from telecine_platform.jobs.rows import job_from_row
from telecine_platform.jobs.tables import jobs, metadata, stage_totals, transitions
from telecine_platform.records import (
    Backlog,
    ClipKeys,
    Job,
    JobError,
    JobState,
    Stage,
    VideoSpec,
)
from telecine_platform.transitions import NEXT_STAGE, check_transition
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
        self._database.create_tables(metadata, seed_totals)

    def close(self) -> None:
        self._database.close()

    # The caller's side.

    def submit(
        self, *, job_id: str, tenant_id: str, spec: VideoSpec, traceparent: str, now: datetime
    ) -> Job:
        """Store a new job in the screening queue. Once this returns, the job is not lost."""
        with self._database.write() as connection:
            row = connection.execute(
                sa.insert(jobs)
                .values(
                    id=job_id,
                    tenant_id=tenant_id,
                    spec=asdict(spec),
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
            record_transition(connection, row, now, worker_id=None, reason="submitted")
            return job_from_row(row)

    def get(self, job_id: str, tenant_id: str) -> Job:
        """The tenant's job. Another tenant's job is as unknown as one that never was."""
        with self._database.read() as connection:
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
        return page[:limit], len(page) > limit

    def delete(self, job_id: str, tenant_id: str, now: datetime) -> Job:
        """Hide the job, blank its texts and stop whoever works on it. Returns it as it was."""
        with self._database.write() as connection:
            row = visible_row(connection, job_id, tenant_id, lock=True)
            job = job_from_row(row)
            values: dict[str, Any] = {
                "deleted_at": now,
                "swept_at": None,
                "spec": row.spec | {"prompt": "", "negative_prompt": ""},
                "verdicts": [],
                "clip": None,
                "error": None,  # it can name what the prompt named, or hold a reviewer's note
            }
            if not job.state.is_final:
                check_transition(job_id, job.state, JobState.CANCELLED)
                values |= {"state": JobState.CANCELLED, "epoch": job.epoch + 1, "finished_at": now}
                values |= NO_LEASE
            changed = connection.execute(
                sa.update(jobs).where(jobs.c.id == job_id).values(values).returning(jobs)
            ).one()
            record_transition(connection, changed, now, worker_id=None, reason="deleted")
            return job

    # The worker's side.

    def claim(self, stage: Stage, worker_id: str, lease_s: float, now: datetime) -> Job | None:
        """Take the job that has waited longest in this stage's queue, under a new epoch."""
        candidate = (
            sa.select(jobs.c.id)
            .where(
                jobs.c.stage == stage, jobs.c.state == JobState.QUEUED, jobs.c.available_at <= now
            )
            .order_by(jobs.c.available_at, jobs.c.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        with self._database.write() as connection:
            job_id = connection.execute(candidate).scalar_one_or_none()
            if job_id is None:
                return None
            row = connection.execute(
                sa.update(jobs)
                .where(jobs.c.id == job_id)
                .values(
                    state=JobState.RUNNING,
                    attempt=jobs.c.attempt + 1,
                    epoch=jobs.c.epoch + 1,
                    claimed_at=now,
                    lease_owner=worker_id,
                    lease_expires_at=now + timedelta(seconds=lease_s),
                )
                .returning(jobs)
            ).one()
            record_transition(connection, row, now, worker_id=worker_id, reason="claimed")
            return job_from_row(row)

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

    def complete(self, job: Job, clip: ClipKeys, verdict: Verdict, now: datetime) -> None:
        """Release the clip: from here on the caller can see it."""
        values = {"clip": asdict(clip), "progress": 100, "finished_at": now}
        self._settle(job, JobState.COMPLETED, values, verdict, now, reason="released")

    def hold(self, job: Job, verdict: Verdict, now: datetime) -> None:
        """Keep the job until a person has looked at it (`held.py`)."""
        self._settle(job, JobState.HELD, {"queued_at": now}, verdict, now, reason=verdict.rule)

    def block(self, job: Job, verdict: Verdict, now: datetime) -> None:
        """End the job because a safeguard refused it."""
        error = JobError(code=verdict.reason_code, message=verdict.message)
        values = {"error": asdict(error), "finished_at": now}
        self._settle(job, JobState.BLOCKED, values, verdict, now, reason=verdict.rule)

    def retry_or_fail(
        self, job: Job, error: JobError, policy: RetryPolicy, now: datetime, *, is_retryable: bool
    ) -> JobState:
        """Queue the stage again after a delay, or fail the job for good; returns its new state."""
        delay_s = delay_before_retry_s(policy, job.attempt, is_retryable=is_retryable)
        if delay_s is None:
            values: dict[str, Any] = {"error": asdict(error), "finished_at": now}
            self._settle(job, JobState.FAILED, values, None, now, reason=error.code)
            return JobState.FAILED
        values = {"queued_at": now, "available_at": now + timedelta(seconds=delay_s)}
        self._settle(job, JobState.QUEUED, values, None, now, reason=error.code)
        return JobState.QUEUED

    # The reaper's side.

    def expired(self, now: datetime, limit: int = 100) -> list[Job]:
        """Running jobs whose lease has run out: their worker is dead or cut off."""
        query = sa.select(jobs).where(
            jobs.c.state == JobState.RUNNING, jobs.c.lease_expires_at < now
        )
        with self._database.read() as connection:
            return [job_from_row(row) for row in connection.execute(query.limit(limit))]

    def finished(self, finished_before: datetime, limit: int = 100) -> list[Job]:
        """Final jobs that their owners can still see, oldest first."""
        query = (
            sa.select(jobs)
            .where(jobs.c.deleted_at.is_(None), jobs.c.finished_at < finished_before)
            .order_by(jobs.c.finished_at)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [job_from_row(row) for row in connection.execute(query)]

    def unswept(self, finished_before: datetime, limit: int = 100) -> list[Job]:
        """Final jobs that may still have left-over blobs of lost attempts."""
        query = (
            sa.select(jobs)
            .where(jobs.c.swept_at.is_(None), jobs.c.finished_at < finished_before)
            .order_by(jobs.c.finished_at)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [job_from_row(row) for row in connection.execute(query)]

    def mark_swept(self, job_id: str, now: datetime) -> None:
        with self._database.write() as connection:
            connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(swept_at=now))

    # The operator's side.

    def backlog(self, stage: Stage, now: datetime) -> Backlog:
        is_queued = jobs.c.state == JobState.QUEUED
        query = sa.select(
            sa.func.count().filter(is_queued),
            sa.func.count().filter(~is_queued),
            sa.func.min(jobs.c.queued_at).filter(is_queued),
        ).where(jobs.c.stage == stage, jobs.c.state.in_((JobState.QUEUED, JobState.RUNNING)))
        with self._database.read() as connection:
            num_queued, num_running, oldest_at = connection.execute(query).one()
        age_s = 0.0 if oldest_at is None else max(0.0, (now - oldest_at).total_seconds())
        return Backlog(num_queued=num_queued, num_running=num_running, oldest_age_s=age_s)

    def totals(self) -> Sequence[sa.Row[Any]]:
        """Rows of (stage, outcome, num_jobs, wait_s, work_s) since the store was made."""
        with self._database.read() as connection:
            return connection.execute(sa.select(stage_totals)).all()

    def history(self, job_id: str) -> Sequence[sa.Row[Any]]:
        """Every transition of one job, oldest first."""
        query = sa.select(transitions).where(transitions.c.job_id == job_id)
        with self._database.read() as connection:
            return connection.execute(query.order_by(transitions.c.id)).all()

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
