"""What is kept of each released clip for good: from its mark or its manifest back to its making."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from telecine_platform.clips.tables import released_clips
from telecine_platform.jobs.database import Database
from telecine_platform.jobs.tables import jobs
from telecine_platform.records import Job
from telecine_safeguards.output.pdq import Words, bytes_from_words, words_from_bytes
from telecine_safeguards.provenance.payload import ID_BITS


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Provenance:
    """What a release keeps, beside the job."""

    mark_id: int
    file_sha256: str
    """Of the published MP4."""
    fingerprint: Words
    registry_version: str
    grants: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedClip:
    """The generation record of a clip. It outlives the job's texts."""

    job_id: str
    epoch: int
    tenant_id: str
    model: str
    mark_id: int | None
    """None: released before clips were marked."""
    file_sha256: str | None
    registry_version: str | None
    grants: tuple[str, ...]
    released_at: datetime
    is_deleted: bool
    """The job's clip and texts are gone."""


def new_mark_id() -> int:
    """Drawn by chance; the table refuses one that is taken, and the next attempt draws another."""
    return secrets.randbits(ID_BITS)


def record_release(
    connection: sa.Connection, job: Job, provenance: Provenance, now: datetime
) -> None:
    """Write the record in the transaction that completes the job."""
    connection.execute(
        sa.insert(released_clips).values(
            job_id=job.id,
            epoch=job.epoch,
            hashes=bytes_from_words(provenance.fingerprint),
            released_at=now,
            mark_id=provenance.mark_id,
            file_sha256=provenance.file_sha256,
            registry_version=provenance.registry_version,
            grants=list(provenance.grants),
        )
    )


class ReleasedClips:
    """Looks the records up."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def by_mark(self, mark_id: int) -> ReleasedClip | None:
        return self._one(released_clips.c.mark_id == mark_id)

    def by_job(self, job_id: str) -> ReleasedClip | None:
        return self._one(released_clips.c.job_id == job_id)

    def fingerprint(self, job_id: str) -> Words:
        """The hashes of the clip that the job released, N x 4; none for an unknown one."""
        query = (
            sa.select(released_clips.c.hashes)
            .join(
                jobs,
                (jobs.c.id == released_clips.c.job_id) & (jobs.c.epoch == released_clips.c.epoch),
            )
            .where(released_clips.c.job_id == job_id)
        )
        with self._database.read() as connection:
            return words_from_bytes(connection.execute(query).scalar() or b"")

    def _one(self, condition: sa.ColumnElement[bool]) -> ReleasedClip | None:
        """Only of the epoch that released the job."""
        query = (
            sa.select(released_clips, jobs.c.tenant_id, jobs.c.spec, jobs.c.deleted_at)
            .join(
                jobs,
                (jobs.c.id == released_clips.c.job_id) & (jobs.c.epoch == released_clips.c.epoch),
            )
            .where(condition)
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return None if row is None else _from_row(row)


def _from_row(row: sa.Row[Any]) -> ReleasedClip:  # Any: SQLAlchemy types a joined row so
    return ReleasedClip(
        job_id=row.job_id,
        epoch=row.epoch,
        tenant_id=row.tenant_id,
        model=row.spec["model"],
        mark_id=row.mark_id,
        file_sha256=row.file_sha256,
        registry_version=row.registry_version,
        grants=tuple(row.grants or ()),
        released_at=row.released_at,
        is_deleted=row.deleted_at is not None,
    )
