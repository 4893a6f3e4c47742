"""Brings a database to the schema that this code works with, and says where one stands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from telecine_platform.errors import SchemaMismatch
from telecine_platform.migrations import HEAD

if TYPE_CHECKING:
    from alembic.config import Config

FIRST = "0001"
"""What version 0.1.0 made without keeping a revision."""
_REVISION = sa.table("alembic_version", sa.column("version_num", sa.String(32)))


def upgrade(connection: sa.Connection) -> None:
    """Run the missing steps within the caller's transaction, which has to keep others out.

    Raises `SchemaMismatch` for a database that a newer version of the code has changed. A database
    that is up to date costs one query: Alembic is imported only when there is a step to run.
    """
    found = revision_of(connection)
    if found == HEAD:
        return
    check_known(found)
    from alembic import command

    config = alembic_config(connection)
    if found is None and sa.inspect(connection).has_table("jobs"):
        command.stamp(config, FIRST)
    command.upgrade(config, HEAD)


def revision_of(connection: sa.Connection) -> str | None:
    """The step that the database stands at; None: empty, or made by version 0.1.0."""
    if not sa.inspect(connection).has_table(_REVISION.name):
        return None
    return connection.execute(sa.select(_REVISION.c.version_num)).scalar_one_or_none()


def check_known(revision: str | None) -> None:
    """Raise `SchemaMismatch` unless this code has the step. Steps are numbered: 0001, 0002, …"""
    if revision is not None and revision > HEAD:
        raise SchemaMismatch(
            f"the database is at schema {revision}, this version of Telecine knows {HEAD} at most: "
            "run the version that upgraded it, or restore a backup from before (docs/backup.md)"
        )


def alembic_config(connection: sa.Connection | None) -> Config:
    """Alembic's configuration without a file, so that it works from an installed wheel."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    return config
