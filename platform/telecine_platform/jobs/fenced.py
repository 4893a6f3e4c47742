"""What every write to a job shares: who may write, the kept history, the running totals."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from telecine_platform.errors import LeaseLost, NotFound
from telecine_platform.jobs.accounts import release_gpus
from telecine_platform.jobs.refusals import count_refusal
from telecine_platform.jobs.rows import json_from_verdict
from telecine_platform.jobs.tables import jobs, stage_totals, transitions
from telecine_platform.jobs.tenant_queues import refresh
from telecine_platform.ledger.append import append_event
from telecine_platform.records import Job, JobState, Stage
from telecine_platform.rights.uses import record_uses
from telecine_platform.transitions import check_transition
from telecine_platform.webhooks.outbox import owe_events
from telecine_safeguards.ledger.events import EventKind, decision_body
from telecine_safeguards.verdict import Verdict

NO_LEASE: dict[str, None] = {"lease_owner": None, "lease_expires_at": None}

CANCELLED = {"state": JobState.CANCELLED, **NO_LEASE}
"""With a higher epoch: the worker's next heartbeat and every other write of it are refused."""


def owned(job: Job) -> tuple[sa.ColumnElement[bool], ...]:
    """The fence: the job is still running, and nobody has claimed it since."""
    return (jobs.c.id == job.id, jobs.c.epoch == job.epoch, jobs.c.state == JobState.RUNNING)


def lease_lost(job: Job) -> LeaseLost:
    return LeaseLost(
        f"job {job.id} no longer belongs to epoch {job.epoch}: its lease ran out or it was deleted"
    )


def visible_row(
    connection: sa.Connection, job_id: str, tenant_id: str, *, lock: bool = False
) -> sa.Row[Any]:  # Any: SQLAlchemy types a whole-table row so
    """The tenant's job; `NotFound` says the same for a deleted, a foreign and an unknown one."""
    query = sa.select(jobs).where(
        jobs.c.id == job_id, jobs.c.tenant_id == tenant_id, jobs.c.deleted_at.is_(None)
    )
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise no_such_job(job_id)
    return row


def no_such_job(job_id: str) -> NotFound:
    """The one answer for a deleted, a foreign and an unknown job."""
    return NotFound(f"no video {job_id!r}: it was deleted, or there never was one")


def settle(
    connection: sa.Connection,
    job: Job,
    state: JobState,
    values: dict[str, Any],
    verdict: Verdict | None,
    now: datetime,
    reason: str,
) -> None:
    """The one write that ends a worker's hold on a job; `LeaseLost` if it has none."""
    check_transition(job.id, job.state, state)
    before = connection.execute(sa.select(jobs).where(*owned(job)).with_for_update()).one_or_none()
    if before is None:
        raise lease_lost(job)
    verdicts = job.verdicts if verdict is None else (*job.verdicts, verdict)
    stored = [json_from_verdict(item) for item in verdicts]
    if values.get("stage") == Stage.MODERATION:
        values = values | {"generation_s": (now - before.claimed_at).total_seconds()}
    row = connection.execute(
        sa.update(jobs)
        .where(jobs.c.id == job.id)
        .values(state=state, verdicts=stored, **values | NO_LEASE)
        .returning(jobs)
    ).one()
    if verdict is not None and state in (JobState.QUEUED, JobState.COMPLETED):
        record_uses(connection, job.id, job.tenant_id, verdict.grants_used, now)
    if verdict is not None:
        append_event(connection, EventKind.DECISION, job.id, decision_body(verdict), now)
        count_refusal(connection, job.tenant_id, verdict, now)
    if state is JobState.COMPLETED:
        released = {"tenant_id": job.tenant_id, "epoch": job.epoch, "clip": row.clip["video"]}
        append_event(connection, EventKind.RELEASE, job.id, released, now)
    record_transition(connection, row, now, worker_id=before.lease_owner, reason=reason)
    _add_to_totals(connection, before, state, now)


def change(
    connection: sa.Connection,
    row: sa.Row[Any],
    values: dict[str, Any],
    now: datetime,
    *,
    worker_id: str | None = None,
    reason: str,
) -> sa.Row[Any]:
    """Write `values` to a job whose row is locked, and keep the transition; returns the new row.

    Raises `IllegalTransition` for a state that cannot follow the row's.
    """
    if "state" in values:
        check_transition(row.id, JobState(row.state), values["state"])
    changed = connection.execute(
        sa.update(jobs).where(jobs.c.id == row.id).values(values).returning(jobs)
    ).one()
    record_transition(connection, changed, now, worker_id=worker_id, reason=reason)
    return changed


def record_transition(
    connection: sa.Connection, row: sa.Row[Any], now: datetime, worker_id: str | None, reason: str
) -> None:
    """Keep the state that the job has just taken, and what it means for its tenant."""
    record_transitions(connection, [row], now, worker_id, reason)


def record_transitions(
    connection: sa.Connection,
    rows: Sequence[sa.Row[Any]],
    now: datetime,
    worker_id: str | None,
    reason: str,
) -> None:
    """The same for several jobs that changed for one reason."""
    connection.execute(
        sa.insert(transitions),
        [
            {
                "job_id": row.id,
                "at": now,
                "stage": row.stage,
                "state": row.state,
                "attempt": row.attempt,
                "epoch": row.epoch,
                "worker_id": worker_id,
                "reason": reason[:500],
            }
            for row in rows
        ],
    )
    changed_queues = set()
    owe_events(connection, rows, now)
    for row in rows:
        if row.num_gpus > 0 and row.state != JobState.RUNNING:
            release_gpus(connection, row, now)
        if row.num_gpus > 0 or row.stage == Stage.GENERATION:
            changed_queues.add((row.tenant_id, row.model))
    for tenant_id, model in sorted(changed_queues):
        refresh(connection, tenant_id, model, now)


def seed_totals(connection: sa.Connection) -> None:
    """Give every (stage, outcome) its row, so that counting is a plain update without races."""
    present = {tuple(row) for row in connection.execute(sa.select(*stage_totals.primary_key))}
    missing = [
        {"stage": stage, "outcome": outcome, "num_jobs": 0, "wait_s": 0.0, "work_s": 0.0}
        for stage in Stage
        for outcome in JobState
        if outcome is not JobState.RUNNING and (stage, outcome) not in present
    ]
    if missing:
        connection.execute(sa.insert(stage_totals), missing)


def _add_to_totals(
    connection: sa.Connection, before: sa.Row[Any], state: JobState, now: datetime
) -> None:
    wait_s = (before.claimed_at - before.queued_at).total_seconds()
    work_s = (now - before.claimed_at).total_seconds()
    connection.execute(
        sa.update(stage_totals)
        .where(stage_totals.c.stage == before.stage, stage_totals.c.outcome == state)
        .values(
            num_jobs=stage_totals.c.num_jobs + 1,
            wait_s=stage_totals.c.wait_s + wait_s,
            work_s=stage_totals.c.work_s + work_s,
        )
    )
