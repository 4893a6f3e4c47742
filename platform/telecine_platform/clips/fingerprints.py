"""Keeps each released clip's fingerprint, and finds the jobs whose clips show given frames.

Invariant: a clip is fingerprinted before it is released; no fingerprint, no release.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import numpy as np
import sqlalchemy as sa

from telecine_platform.clips.tables import released_clips
from telecine_platform.jobs.database import Database
from telecine_platform.jobs.tables import jobs
from telecine_safeguards.output.fingerprint import MAX_DISTANCE_BITS
from telecine_safeguards.output.pdq import Words, bytes_from_words, distances, words_from_bytes

_PAGE = 2_000
"""Clips that are compared at once: some megabytes."""


class FingerprintSearch(Protocol):
    """Frames' fingerprints in, job ids out."""

    def find(self, words: Words, since: datetime | None = None) -> dict[str, int]:
        """The jobs with a released frame close to one of the N x 4 `words`, and how many bits away.

        `since`: only clips released from then on; None: all. Deleted jobs are not found.
        """


class ReleasedFingerprints:
    """Every released clip's frame hashes, compared one by one: a `FingerprintSearch`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, job_id: str, epoch: int, words: Words, now: datetime) -> None:
        """Keep the fingerprint of a clip that is about to be released."""
        with self._database.write() as connection:
            connection.execute(
                sa.insert(released_clips).values(
                    job_id=job_id, epoch=epoch, hashes=bytes_from_words(words), released_at=now
                )
            )

    def find(self, words: Words, since: datetime | None = None) -> dict[str, int]:
        """Reads every clip in question; a million frames take seconds, not milliseconds."""
        if not len(words):
            return {}
        found: dict[str, int] = {}
        after = ""
        while page := self._page(after, since):
            after = page[-1][0]
            clips = [words_from_bytes(hashes) for _, hashes in page]
            owners = np.repeat(np.arange(len(page)), [len(clip) for clip in clips])
            nearest_bits = distances(np.concatenate(clips), words).min(axis=1)
            for index in np.flatnonzero(nearest_bits <= MAX_DISTANCE_BITS):
                job_id, bits = page[owners[index]][0], int(nearest_bits[index])
                found[job_id] = min(bits, found.get(job_id, bits))
        return found

    def _page(self, after: str, since: datetime | None) -> list[tuple[str, bytes]]:
        """The next clips in the order of job ids; what was never released, or deleted, is not."""
        clip = released_clips.c
        query = (
            sa.select(clip.job_id, clip.hashes)
            .join(jobs, (jobs.c.id == clip.job_id) & (jobs.c.epoch == clip.epoch))
            .where(clip.job_id > after, jobs.c.clip.is_not(None), jobs.c.deleted_at.is_(None))
            .order_by(clip.job_id)
            .limit(_PAGE)
        )
        if since is not None:
            query = query.where(clip.released_at >= since)
        with self._database.read() as connection:
            return [(row.job_id, row.hashes) for row in connection.execute(query)]
