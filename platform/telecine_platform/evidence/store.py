"""Keeps what moderation found, below `evidence/moderation/`: frames, sound, a sheet of scores.

Invariant: the row is written before the files, so whatever lies there is found again and forgotten
`evidence_ttl_s` later, together with the unreleased draft of a blocked job. Each reading by a
person is an event of the ledger, in the transaction before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from telecine_platform.evidence.tables import kept_evidence
from telecine_platform.jobs.database import Database
from telecine_platform.jobs.tables import jobs
from telecine_platform.ledger.append import append_event
from telecine_platform.records import Job, JobState
from telecine_platform.storage.store import EVIDENCE, INPUTS, QUARANTINE, BlobStore
from telecine_safeguards.ledger.events import EventKind

SHEET: Final = "sheet.json"
_SHEET_TYPE: Final = "application/json"
CONTENT_TYPES: Final = {".jpg": "image/jpeg", ".m4a": "audio/mp4"}
"""Of the files beside the sheet, by the ends of their names."""
_BATCH: Final = 100


class EvidenceStore:
    """Evidence in one database and one home of blobs."""

    def __init__(self, database: Database, blobs: BlobStore) -> None:
        self._database = database
        self._blobs = blobs

    def keep(self, job: Job, sheet: Path, files: Mapping[str, Path], now: datetime) -> None:
        """Store one moderation's sheet, frames and sound under the job's epoch."""
        note_evidence(self._database, job.id, now)
        for name, file in files.items():
            content_type = CONTENT_TYPES[Path(name).suffix]
            self._blobs.create(_key(job.id, job.epoch, name), file, content_type)
        self._blobs.create(_key(job.id, job.epoch, SHEET), sheet, _SHEET_TYPE)

    def sheets(self, job_id: str, *, who: str, now: datetime) -> list[bytes]:
        """The sheets of a job's moderations, the first one first; none where nothing was kept."""
        prefix = f"{_folder(job_id)}/"
        names = [key.removeprefix(prefix) for key in self._blobs.keys(_folder(job_id))]
        epochs = sorted(int(name.split("/")[0]) for name in names if name.endswith(SHEET))
        if not epochs:
            return []
        self._audit(job_id, SHEET, who, now)
        return [self._read(_key(job_id, epoch, SHEET)) for epoch in epochs]

    def file(self, job_id: str, epoch: int, name: str, *, who: str, now: datetime) -> bytes:
        """One frame, or the sound. Raises `NotFound`."""
        key = _key(job_id, epoch, name)
        self._blobs.info(key)
        self._audit(job_id, name, who, now)
        return self._read(key)

    def forget(self, ttl_s: float, now: datetime) -> int:
        """Delete what has been kept for so long, of finished jobs; returns how many jobs'."""
        query = (
            sa.select(kept_evidence.c.job_id, jobs.c.state)
            .join(jobs, jobs.c.id == kept_evidence.c.job_id)
            .where(
                kept_evidence.c.kept_at < now - timedelta(seconds=ttl_s),
                jobs.c.finished_at.is_not(None),
            )
            .order_by(kept_evidence.c.kept_at)
            .limit(_BATCH)
        )
        with self._database.read() as connection:
            due = list(connection.execute(query))
        for row in due:
            self._blobs.delete(_folder(row.job_id))
            if row.state == JobState.BLOCKED:
                self._blobs.delete(f"{QUARANTINE}/{row.job_id}")
                self._blobs.delete(f"{INPUTS}/{row.job_id}")
            with self._database.write() as connection:
                connection.execute(
                    sa.delete(kept_evidence).where(kept_evidence.c.job_id == row.job_id)
                )
        return len(due)

    def _read(self, key: str) -> bytes:
        return b"".join(self._blobs.read(key))

    def _audit(self, job_id: str, name: str, who: str, now: datetime) -> None:
        with self._database.write() as connection:
            body = {"who": who, "file": name}
            append_event(connection, EventKind.EVIDENCE_READ, job_id, body, now)


def note_evidence(database: Database, job_id: str, now: datetime) -> None:
    """Write down that something of the job is kept from now on."""
    table = kept_evidence
    with database.write() as connection:
        known = sa.update(table).where(table.c.job_id == job_id).values(kept_at=now)
        if not connection.execute(known).rowcount:
            connection.execute(sa.insert(table).values(job_id=job_id, kept_at=now))


def _folder(job_id: str) -> str:
    return f"{EVIDENCE}/moderation/{job_id}"


def _key(job_id: str, epoch: int, name: str) -> str:
    return f"{_folder(job_id)}/{epoch}/{name}"
