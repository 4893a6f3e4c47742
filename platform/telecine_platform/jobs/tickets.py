"""Tickets: a create that comes again finds the job that it made the first time.

A caller names its create by an `Idempotency-Key`; where folding is on, a create without one is
named by its own content. Invariant: a ticket is taken in the transaction that stores its job, so of
any number of equal creates at once exactly one makes a job.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from telecine_platform.errors import IdempotencyConflict
from telecine_platform.jobs.database import Database
from telecine_platform.jobs.tables import tickets


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """Names one create of one tenant until `expires_at`."""

    key_sha256: str
    """Of the caller's key, or of the content where equal creates are folded."""
    body_sha256: str
    """Of the checked body: the same key with another body is refused."""
    expires_at: datetime


def take_ticket(
    connection: sa.Connection, ticket: Ticket, *, tenant_id: str, job_id: str, now: datetime
) -> str:
    """Tie the ticket to `job_id`, unless it is taken; returns the id of the job that has it.

    Raises `IdempotencyConflict` when the ticket was taken with another body.
    """
    is_this = (tickets.c.tenant_id == tenant_id, tickets.c.key_sha256 == ticket.key_sha256)
    connection.execute(sa.delete(tickets).where(*is_this, tickets.c.expires_at <= now))
    try:
        with connection.begin_nested():
            connection.execute(
                sa.insert(tickets).values(
                    tenant_id=tenant_id,
                    key_sha256=ticket.key_sha256,
                    body_sha256=ticket.body_sha256,
                    job_id=job_id,
                    expires_at=ticket.expires_at,
                )
            )
    except sa.exc.IntegrityError:  # another create with it has just been stored
        taken = connection.execute(sa.select(tickets).where(*is_this)).one()
        return _job_id_from_row(taken, ticket)
    return job_id


def taken_by(
    connection: sa.Connection, ticket: Ticket, *, tenant_id: str, now: datetime
) -> str | None:
    """The id of the job that the ticket made already; None when it is free.

    Raises `IdempotencyConflict` when it was taken with another body.
    """
    row = connection.execute(
        sa.select(tickets).where(
            tickets.c.tenant_id == tenant_id,
            tickets.c.key_sha256 == ticket.key_sha256,
            tickets.c.expires_at > now,
        )
    ).one_or_none()
    return None if row is None else _job_id_from_row(row, ticket)


def void_tickets(connection: sa.Connection, job_id: str) -> None:
    """Forget what a deleted job was asked with; its keys stay taken until they expire."""
    connection.execute(sa.update(tickets).where(tickets.c.job_id == job_id).values(body_sha256=""))


def forget_tickets(database: Database, now: datetime) -> None:
    """Drop expired tickets. Writes only where there are some."""
    has_expired = tickets.c.expires_at <= now
    with database.read() as connection:
        if (
            connection.execute(sa.select(tickets.c.job_id).where(has_expired).limit(1)).first()
            is None
        ):
            return
    with database.write() as connection:
        connection.execute(sa.delete(tickets).where(has_expired))


def _job_id_from_row(row: sa.Row[tuple[str, ...]], ticket: Ticket) -> str:
    if row.body_sha256 == "":
        raise IdempotencyConflict(
            "the video of this Idempotency-Key was deleted; send a new key to make another"
        )
    if row.body_sha256 != ticket.body_sha256:
        raise IdempotencyConflict(
            "this Idempotency-Key was sent before with another body; one key is one request: "
            "send a new key, or the first body"
        )
    return str(row.job_id)
