"""Claimants' media go some time after their claim has ended; what they were hashed to stays."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from telecine_platform.jobs.database import Database
from telecine_platform.storage.store import EVIDENCE, BlobStore
from telecine_platform.takedowns.states import ClaimState
from telecine_platform.takedowns.tables import claims

_BATCH: Final = 50
_ENDED: Final = (ClaimState.REJECTED, ClaimState.RETRACTED)


def media_folder(claim_id: str) -> str:
    """Below which all media of a claim lie, replaced ones too."""
    return f"{EVIDENCE}/{claim_id}"


def forget_media(database: Database, blobs: BlobStore, evidence_s: float, now: datetime) -> int:
    """Delete the media of claims that ended so long ago; returns how many claims'."""
    query = (
        sa.select(claims.c.id)
        .where(
            claims.c.reference.is_not(None),
            claims.c.state.in_(_ENDED),
            claims.c.decided_at <= now - timedelta(seconds=evidence_s),
        )
        .limit(_BATCH)
    )
    with database.read() as connection:
        due = list(connection.execute(query).scalars())
    for claim_id in due:
        blobs.delete(media_folder(claim_id))
        with database.write() as connection:
            gone = sa.update(claims).where(claims.c.id == claim_id).values(reference=None)
            connection.execute(gone)
    return len(due)
