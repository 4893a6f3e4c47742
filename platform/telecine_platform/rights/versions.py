"""The one way to change the registry: a transaction that ends with a new version, or not at all.

Writers take turns: on SQLite by the write lock, on PostgreSQL by an advisory lock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from telecine_platform.errors import StoreUnavailable
from telecine_platform.jobs.database import Database
from telecine_platform.ledger.append import append_event
from telecine_platform.rights.records import Change, RegistryVersion
from telecine_platform.rights.rows import version_from_row
from telecine_platform.rights.tables import entities, grants, registry_versions
from telecine_safeguards.ledger.events import EventKind

_WRITE_LOCK = 0x7E1EC2


@contextmanager
def new_version(
    database: Database, change: Change, what: str
) -> Iterator[tuple[sa.Connection, int]]:
    """Yield the connection and the number of the version that the block makes."""
    with database.write() as connection:
        number = begin_version(connection)
        yield connection, number
        end_version(connection, number, change, what)


def begin_version(connection: sa.Connection) -> int:
    """Wait for the other writers and take the next number."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_WRITE_LOCK)))
    newest = newest_version(connection)
    return 1 if newest is None else newest.number + 1


def end_version(connection: sa.Connection, number: int, change: Change, what: str) -> None:
    """Write down what the content has become."""
    digest = _content_digest(connection)
    told = {"digest": digest, "who": change.who, "what": what[:500]}
    append_event(connection, EventKind.REGISTRY, str(number), told, change.at)
    connection.execute(
        sa.insert(registry_versions).values(
            number=number,
            digest=digest,
            at=change.at,
            who=change.who[:128],
            what=what[:500],
        )
    )


def newest_version(connection: sa.Connection) -> RegistryVersion | None:
    query = sa.select(registry_versions).order_by(registry_versions.c.number.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return None if row is None else version_from_row(row)


def version_in_force(connection: sa.Connection) -> RegistryVersion:
    """The newest version; `StoreUnavailable` before the registry has been filled."""
    newest = newest_version(connection)
    if newest is None:
        raise StoreUnavailable("the rights registry is empty: no process has filled it yet")
    return newest


def version_of(connection: sa.Connection, number: int) -> RegistryVersion:
    query = sa.select(registry_versions).where(registry_versions.c.number == number)
    return version_from_row(connection.execute(query).one())


def hold_still(connection: sa.Connection) -> None:
    """Let every query of this transaction see one moment. SQLite's transactions do so anyway."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


def _content_digest(connection: sa.Connection) -> str:
    """SHA-256 over the rows' digests in the order of their ids: the same content, the same digest.

    Ordered here, because PostgreSQL's order depends on its locale.
    """
    total = hashlib.sha256()
    for table in (entities, grants):
        rows = connection.execute(sa.select(table.c.id, table.c.digest)).all()
        for row in sorted((row.id, row.digest) for row in rows):
            total.update("\0".join((table.name, *row, "")).encode())
    return total.hexdigest()
