"""One round of everything that takedowns do by themselves; each step is bounded and repeatable."""

from __future__ import annotations

from datetime import datetime

from telecine_platform.clips.fingerprints import ReleasedFingerprints
from telecine_platform.jobs.database import Database
from telecine_platform.settings import Settings
from telecine_platform.storage.store import BlobStore
from telecine_platform.takedowns.holds import Holds
from telecine_platform.takedowns.media import forget_media
from telecine_platform.takedowns.search import search_due
from telecine_platform.takedowns.withdraw import (
    forget_upheld,
    hide_withdrawn,
    restore_released,
    withdraw_found,
)

ROUND_S = 2.0
"""How often somebody looks: a claim has effect within seconds."""


def take_round(database: Database, blobs: BlobStore, settings: Settings, now: datetime) -> int:
    """Search, take down, hide, end what is due, put back, forget; returns how much moved."""
    return (
        search_due(database, ReleasedFingerprints(database), now)
        + withdraw_found(database, settings, now)
        + hide_withdrawn(database, blobs, now)
        + Holds(database, settings).end_due(now)
        + restore_released(database, blobs, now)
        + forget_upheld(database, blobs, settings.takedown_evidence_s, now)
        + forget_media(database, blobs, settings.takedown_evidence_s, now)
    )
