"""Finds the jobs whose released clips show given frames, by the fingerprints in their records."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import sqlalchemy as sa

from telecine_platform.clips.tables import released_clips
from telecine_platform.jobs.database import Database
from telecine_platform.jobs.tables import jobs
from telecine_safeguards.output.copies import MAX_VOTED_BITS_AMONG_MANY, Copies, QueryHashes
from telecine_safeguards.output.pdq import words_from_bytes

_PAGE = 500
"""Clips that are compared at once: about as many hashes as an index compares one by one."""


class FingerprintSearch(Protocol):
    """Frames' fingerprints in, job ids out."""

    def find(self, query: QueryHashes, since: datetime | None = None) -> dict[str, int]:
        """The jobs of whose released clips this is a copy, and how far the closest frame is (bits).

        `since`: only clips released from then on; None: all. Deleted jobs are not found.
        """


class ReleasedFingerprints:
    """Every released clip's frame hashes, compared page by page: a `FingerprintSearch`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, query: QueryHashes, since: datetime | None = None) -> dict[str, int]:
        """Reads every clip in question; a million frames take seconds, not milliseconds."""
        if not len(query.words):
            return {}
        found: dict[str, int] = {}
        after = ""
        while page := self._page(after, since):
            after = page[-1][0]
            clips = Copies(
                [words_from_bytes(hashes) for _, hashes in page], MAX_VOTED_BITS_AMONG_MANY
            )
            found |= {page[copy.owner][0]: copy.distance_bits for copy in clips.find(query)}
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
