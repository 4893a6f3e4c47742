"""Work that one process at a time has to do, whichever it is: the first to come takes the turn."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from telecine_platform.jobs.database import Database, insert_new
from telecine_platform.jobs.tables import turns


def take_turn(database: Database, name: str, period_s: float, now: datetime) -> bool:
    """Whether this process shall do the work now; for `period_s` nobody else is told so.

    A process that dies in its turn has left work undone, so the work has to be repeatable.
    """
    with database.read() as connection:
        next_at = connection.execute(
            sa.select(turns.c.next_at).where(turns.c.name == name)
        ).scalar_one_or_none()
    if next_at is not None and next_at > now:
        return False
    with database.write() as connection:
        insert_new(connection, turns, name=name, next_at=now)
        taken = connection.execute(
            sa.update(turns)
            .where(turns.c.name == name, turns.c.next_at <= now)
            .values(next_at=now + timedelta(seconds=period_s))
        )
        return taken.rowcount == 1
