"""Takes clips down and puts them back.

The job's state goes first: from that transaction on the API refuses. Then the files leave
`results/`, so that links that were given out before die too. They are kept as evidence, and for
coming back, until `forget`. Each step can be repeated; a process that dies leaves the rest to the
next round.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from telecine_platform.errors import BlobExists, NotFound
from telecine_platform.jobs.database import Database, insert_new
from telecine_platform.jobs.fenced import change
from telecine_platform.jobs.tables import jobs
from telecine_platform.records import WITHDRAWN, ClipKeys, JobError, JobState
from telecine_platform.settings import Settings
from telecine_platform.storage.store import EVIDENCE, RESULTS, BlobStore
from telecine_platform.takedowns.holds import move_hold
from telecine_platform.takedowns.rules import due_at
from telecine_platform.takedowns.states import HOLDING, ClaimState, HoldState
from telecine_platform.takedowns.tables import claimants, claims, holds, withdrawn_clips

_BATCH = 50


def withdraw_found(database: Database, settings: Settings, now: datetime) -> int:
    """Take down a batch of what verified claims match; returns how many holds moved."""
    query = (
        sa.select(holds, claims.c.title, claims.c.max_clips, claimants.c.name)
        .join(claims, claims.c.id == holds.c.claim_id)
        .join(claimants, claimants.c.tenant_id == claims.c.tenant_id)
        .where(holds.c.state == HoldState.FOUND, claims.c.state == ClaimState.VERIFIED)
        .where(_num_down() < claims.c.max_clips)
        .limit(_BATCH)
    )
    with database.read() as connection:
        if connection.execute(query.limit(1)).first() is None:
            return 0
    with database.write() as connection:
        rows = connection.execute(query.with_for_update(of=holds, skip_locked=True)).all()
        num_moved = 0
        for row in rows:
            if connection.execute(_num_down_of(row.claim_id)).scalar_one() >= row.max_clips:
                continue
            is_down = _withdraw(connection, row, now)
            state = HoldState.WITHDRAWN if is_down else HoldState.DROPPED
            move_hold(connection, row, state, "telecine", now, due=due_at(state, now, settings))
            num_moved += 1
        return num_moved


def hide_withdrawn(database: Database, blobs: BlobStore, now: datetime) -> int:
    """Move the files of clips that are down out of `results/`; returns how many clips."""
    rows = _clips(database, withdrawn_clips.c.hidden_at.is_(None))
    for row in rows:
        for key in row.files:
            _move(blobs, key, evidence_key(key))
        with database.write() as connection:
            _update(connection, row.job_id, {"hidden_at": now})
    return len(rows)


def restore_released(database: Database, blobs: BlobStore, now: datetime) -> int:
    """Put back every clip that no claim holds any more; returns how many."""
    is_held = sa.exists().where(
        holds.c.job_id == withdrawn_clips.c.job_id, holds.c.state.in_(HOLDING)
    )
    rows = _clips(
        database,
        withdrawn_clips.c.hidden_at.is_not(None),
        withdrawn_clips.c.forgotten_at.is_(None),
        ~is_held,
    )
    for row in rows:
        for key in row.files:
            _copy(blobs, evidence_key(key), key)
        if not _complete_again(database, row.job_id, now):
            _delete(blobs, row.files)  # it was deleted, or another claim has come
        if not _is_held(database, row.job_id):
            _delete(blobs, map(evidence_key, row.files))
    return len(rows)


def forget_upheld(database: Database, blobs: BlobStore, evidence_s: float, now: datetime) -> int:
    """Delete the files of what has stayed down for that long; returns how many clips."""
    is_recent = sa.exists().where(
        holds.c.job_id == withdrawn_clips.c.job_id,
        holds.c.state.in_(HOLDING),
        sa.or_(
            holds.c.state != HoldState.UPHELD,
            holds.c.decided_at > now - timedelta(seconds=evidence_s),
        ),
    )
    rows = _clips(
        database,
        withdrawn_clips.c.hidden_at.is_not(None),
        withdrawn_clips.c.forgotten_at.is_(None),
        withdrawn_clips.c.withdrawn_at <= now - timedelta(seconds=evidence_s),
        ~is_recent,
    )
    for row in rows:
        _delete(blobs, map(evidence_key, row.files))
        with database.write() as connection:
            _update(connection, row.job_id, {"forgotten_at": now})
    return len(rows)


def evidence_key(key: str) -> str:
    """Where a released file lies while its clip is down: no URL is ever made for it."""
    return EVIDENCE + key.removeprefix(RESULTS)


def _withdraw(connection: sa.Connection, row: sa.Row[Any], now: datetime) -> bool:
    """Whether the job of this hold is down now; one that is gone, or has no clip, is not."""
    found = sa.select(jobs).where(jobs.c.id == row.job_id, jobs.c.deleted_at.is_(None))
    job = connection.execute(found.with_for_update()).one_or_none()
    if job is None or job.clip is None:
        return False
    if job.state != JobState.COMPLETED:
        return bool(job.state == JobState.WITHDRAWN)  # another claim was faster
    error = JobError(
        code=WITHDRAWN,
        message=f"This video was taken down after {row.claim_id} by {row.name}: {row.title}. You "
        f"can object: POST /v1/takedowns/withdrawals/{row.claim_id}/{row.job_id}/counter.",
    )
    values = {"state": JobState.WITHDRAWN, "error": asdict(error)}
    change(connection, job, values, now, reason=f"{WITHDRAWN} {row.claim_id}")
    connection.execute(sa.delete(withdrawn_clips).where(withdrawn_clips.c.job_id == job.id))
    keys = list(ClipKeys(**job.clip).keys)
    insert_new(connection, withdrawn_clips, job_id=job.id, keys=keys, withdrawn_at=now)
    return True


def _complete_again(database: Database, job_id: str, now: datetime) -> bool:
    """Let the job be completed again, unless a claim holds it. False also when it is gone."""
    with database.write() as connection:
        found = sa.select(jobs).where(jobs.c.id == job_id).with_for_update()
        job = connection.execute(found).one_or_none()
        held = sa.select(holds.c.job_id).where(holds.c.job_id == job_id, holds.c.state.in_(HOLDING))
        if connection.execute(held).first() is not None:
            return False
        connection.execute(sa.delete(withdrawn_clips).where(withdrawn_clips.c.job_id == job_id))
        if job is None or job.deleted_at is not None or job.state != JobState.WITHDRAWN:
            return False
        values = {"state": JobState.COMPLETED, "error": None, "reinstated_at": now}
        change(connection, job, values, now, reason="reinstated")
        return True


def _is_held(database: Database, job_id: str) -> bool:
    """Whether the clip is still, or again, down."""
    query = sa.select(withdrawn_clips.c.job_id).where(withdrawn_clips.c.job_id == job_id)
    with database.read() as connection:
        return connection.execute(query).first() is not None


def _num_down() -> sa.ScalarSelect[int]:
    other = holds.alias()
    return (
        sa.select(sa.func.count())
        .where(other.c.claim_id == claims.c.id, other.c.state.not_in(_NEVER_DOWN))
        .correlate(claims)
        .scalar_subquery()
    )


_NEVER_DOWN = (HoldState.FOUND, HoldState.DROPPED)


def _num_down_of(claim_id: str) -> sa.Select[int]:
    return sa.select(sa.func.count()).where(
        holds.c.claim_id == claim_id, holds.c.state.not_in(_NEVER_DOWN)
    )


def _clips(database: Database, *conditions: sa.ColumnElement[bool]) -> list[sa.Row[Any]]:
    query = sa.select(withdrawn_clips.c.job_id, withdrawn_clips.c["keys"].label("files"))
    with database.read() as connection:
        return list(connection.execute(query.where(*conditions).limit(_BATCH)))


def _update(connection: sa.Connection, job_id: str, values: dict[str, object]) -> None:
    connection.execute(
        sa.update(withdrawn_clips).where(withdrawn_clips.c.job_id == job_id).values(values)
    )


def _move(blobs: BlobStore, source: str, target: str) -> None:
    _copy(blobs, source, target)
    blobs.delete(source)


def _copy(blobs: BlobStore, source: str, target: str) -> None:
    """Copy a file unless it is there already; one that is gone has been moved before."""
    try:
        info = blobs.info(source)
    except NotFound:
        return
    with tempfile.TemporaryDirectory(prefix="telecine-takedown-") as folder:
        file = Path(folder) / "file"
        blobs.download(source, file)
        try:
            blobs.create(target, file, info.content_type)
        except BlobExists:
            return


def _delete(blobs: BlobStore, keys: Iterable[str]) -> None:
    for key in keys:
        blobs.delete(key)
