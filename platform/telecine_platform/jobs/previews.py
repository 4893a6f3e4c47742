"""Prompts that somebody wants screened without asking for a video.

The API process has no embedding model, the screening replicas have one. A preview is a row that a
replica answers; it goes with its answer, so a text stays here no longer than somebody waits.
"""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from telecine_platform.jobs.database import Database
from telecine_platform.jobs.rows import json_from_verdict, verdict_from_json
from telecine_platform.jobs.tables import previews
from telecine_safeguards.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What is to be screened, and for whom."""

    tenant_id: str
    prompt: str
    negative_prompt: str
    use: str
    region: str


class Previews:
    """The open previews. Raises `StoreUnavailable` when the database does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ask(self, preview: Preview, *, wait_s: float, now: datetime) -> str:
        """Queue it for the next free replica; returns its id."""
        preview_id = f"preview_{secrets.token_hex(16)}"
        with self._database.write() as connection:
            connection.execute(sa.delete(previews).where(previews.c.expires_at <= now))
            connection.execute(
                sa.insert(previews).values(
                    id=preview_id,
                    request=asdict(preview),
                    asked_at=now,
                    expires_at=now + timedelta(seconds=wait_s),
                )
            )
        return preview_id

    def take(self, now: datetime) -> tuple[str, Preview] | None:
        """Take the one that has waited longest; no other replica gets it."""
        is_open = previews.c.taken_at.is_(None) & (previews.c.expires_at > now)
        oldest = sa.select(previews.c.id).where(is_open).order_by(previews.c.asked_at).limit(1)
        with self._database.read() as connection:
            if connection.execute(oldest).one_or_none() is None:
                return None
        with self._database.write() as connection:
            row = connection.execute(
                sa.update(previews)
                .where(
                    previews.c.id == oldest.with_for_update(skip_locked=True).scalar_subquery(),
                    is_open,
                )
                .values(taken_at=now)
                .returning(previews.c.id, previews.c.request)
            ).one_or_none()
            return None if row is None else (row.id, Preview(**row.request))

    def answer(self, preview_id: str, verdict: Verdict) -> None:
        """Give the verdict to who waits for it; nobody does any more where the row has gone."""
        with self._database.write() as connection:
            connection.execute(
                sa.update(previews)
                .where(previews.c.id == preview_id)
                .values(verdict=json_from_verdict(verdict), request={})
            )

    def collect(self, preview_id: str) -> Verdict | None:
        """The verdict, once: its row goes. None while nobody has answered."""
        with self._database.read() as connection:
            row = connection.execute(
                sa.select(previews.c.verdict).where(previews.c.id == preview_id)
            ).one_or_none()
        if row is None or row.verdict is None:
            return None
        self.withdraw(preview_id)
        return verdict_from_json(row.verdict)

    def withdraw(self, preview_id: str) -> None:
        """Nobody waits for it any more."""
        with self._database.write() as connection:
            connection.execute(sa.delete(previews).where(previews.c.id == preview_id))
