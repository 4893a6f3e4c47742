"""What a halt does to jobs, inside the transaction of whoever asks.

Invariant: whoever makes a job run reads the halts after it has locked the job's row; `HaltStore`
keeps every such transaction out while it writes a halt. So a claim either sees the halt, or has
ended before it and is cancelled by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from telecine_platform.errors import Halted, TenantHalted
from telecine_platform.halts.records import Halt, HaltKind, HaltMode, covers, strictest
from telecine_platform.halts.tables import halts
from telecine_platform.jobs.fenced import CANCELLED, record_transitions
from telecine_platform.jobs.tables import jobs
from telecine_platform.records import JobError, JobState
from telecine_platform.transitions import check_transition

BATCH = 500
"""Queued jobs that one transaction sets aside or lets go: about a tenth of a second of work."""


def halt_from_row(row: sa.Row[Any]) -> Halt:  # Any: SQLAlchemy types a whole-table row so
    values = row._asdict()
    return Halt(**values | {"kind": HaltKind(row.kind), "mode": HaltMode(row.mode)})


def halts_in_force(connection: sa.Connection) -> list[Halt]:
    """Every halt that is not lifted, oldest first."""
    query = sa.select(halts).where(halts.c.lifted_at.is_(None)).order_by(halts.c.created_at)
    return [halt_from_row(row) for row in connection.execute(query)]


def refuse_halted(connection: sa.Connection, *, model: str, tenant_id: str, region: str) -> None:
    """Raise `Halted` or `TenantHalted` when a new job of these three shall not be accepted."""
    found = strictest(
        [
            halt
            for halt in halts_in_force(connection)
            if covers(halt, model=model, tenant_id=tenant_id, region=region)
        ]
    )
    if found is not None and found.mode is HaltMode.FAIL:
        raise (TenantHalted if found.kind is HaltKind.TENANT else Halted)(found.message)


def set_halted_aside(connection: sa.Connection, job_id: str, now: datetime) -> bool:
    """Whether the queued job may not be claimed; it has then left the queue.

    For the claim, after it has locked the job's row. Others that the same halt covers leave the
    queue with it, so that a long queue of halted jobs costs few claims.
    """
    in_force = halts_in_force(connection)
    if not in_force:
        return False
    row = connection.execute(sa.select(jobs).where(jobs.c.id == job_id)).one()
    about = {"model": row.spec["model"], "tenant_id": row.tenant_id, "region": row.region}
    found = strictest([halt for halt in in_force if covers(halt, **about)])
    if found is None:
        return False
    _stop(connection, found, [job_id, *_covered(connection, found)], now)
    return True


def set_aside(connection: sa.Connection, halt: Halt, now: datetime) -> int:
    """Take a batch of queued jobs that the halt covers out of the queue; returns how many.

    Rows that somebody is claiming right now are left to that claim, which sees the halt.
    """
    job_ids = _covered(connection, halt)
    _stop(connection, halt, job_ids, now)
    return len(job_ids)


def cancel_running(connection: sa.Connection, halt: Halt, now: datetime) -> list[str]:
    """Cancel every running job that the halt covers: its worker's next write is refused."""
    query = sa.select(jobs.c.id).where(
        jobs.c.lease_expires_at.is_not(None), jobs.c.state == JobState.RUNNING, _is_covered(halt)
    )
    job_ids = list(connection.execute(query.with_for_update()).scalars())
    _change(connection, job_ids, _cancelled_by(halt, now), now, f"halted {halt.id}")
    return job_ids


def let_go(connection: sa.Connection, now: datetime) -> int:
    """Queue again, each in its old place, a batch of jobs that no halt in force covers any more.

    Returns how many.
    """
    query = _waiting(JobState.HALTED)
    for halt in halts_in_force(connection):
        query = query.where(~_is_covered(halt))
    job_ids = list(connection.execute(query).scalars())
    _change(connection, job_ids, {"state": JobState.QUEUED}, now, "halt lifted")
    return len(job_ids)


def _covered(connection: sa.Connection, halt: Halt) -> list[str]:
    states = [JobState.QUEUED]
    if halt.mode is HaltMode.FAIL:  # stricter than the halt that made these wait
        states.append(JobState.HALTED)
    found: list[str] = []
    for state in states:
        found += connection.execute(_waiting(state).where(_is_covered(halt))).scalars()
    return found


def _waiting(state: JobState) -> sa.Select[str]:
    """A batch of ids in that state, locked; in no order, so that indexes of the few suffice."""
    query = sa.select(jobs.c.id).where(jobs.c.state == state, jobs.c.finished_at.is_(None))
    return query.limit(BATCH).with_for_update(skip_locked=True)


def _is_covered(halt: Halt) -> sa.ColumnElement[bool]:
    """`covers`, for the database."""
    match halt.kind:
        case HaltKind.MODEL:
            model: sa.ColumnElement[str] = jobs.c.spec["model"].as_string()
            return model == halt.value
        case HaltKind.TENANT:
            return jobs.c.tenant_id == halt.value
        case HaltKind.REGION:
            return jobs.c.region.in_((halt.value, ""))


def _stop(connection: sa.Connection, halt: Halt, job_ids: Sequence[str], now: datetime) -> None:
    is_wait = halt.mode is HaltMode.WAIT
    values = {"state": JobState.HALTED} if is_wait else _cancelled_by(halt, now)
    _change(connection, job_ids, values, now, f"halted {halt.id}")


def _cancelled_by(halt: Halt, now: datetime) -> dict[str, Any]:
    error = JobError(code=Halted.code, message=halt.message)
    return CANCELLED | {"epoch": jobs.c.epoch + 1, "finished_at": now, "error": asdict(error)}


def _change(
    connection: sa.Connection,
    job_ids: Sequence[str],
    values: dict[str, Any],
    now: datetime,
    reason: str,
) -> None:
    """Write one change to all of these jobs, whose rows are locked."""
    if not job_ids:
        return
    is_one = jobs.c.id.in_(job_ids)
    for state in connection.execute(sa.select(jobs.c.state).where(is_one).distinct()).scalars():
        check_transition(f"{job_ids[0]} and others", JobState(state), values["state"])
    changed = connection.execute(sa.update(jobs).where(is_one).values(values).returning(jobs))
    # In the order in which all of us lock the tenants' rows: no two batches can deadlock.
    rows = sorted(changed, key=lambda row: (row.tenant_id, row.id))
    record_transitions(connection, rows, now, worker_id=None, reason=reason)
