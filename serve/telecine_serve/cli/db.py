"""`telecine db`: the schema of the configured database, for its operator.

The API and the stages bring a database up to date when they start. These commands do it before,
so that a rollout does not wait for a long step.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

import click
from pydantic import BaseModel

from telecine_platform.errors import SchemaMismatch
from telecine_platform.jobs.database import Database
from telecine_platform.jobs.store import JobStore
from telecine_platform.migrations import HEAD
from telecine_serve.cli.reporting import reporting, settings_of, show


class Schema(BaseModel):
    """Where the database stands."""

    revision: str | None
    """None: empty, or made by version 0.1.0."""
    newest: str = HEAD


@click.group()
def db() -> None:
    """Bring the database's tables up to date, or look at them."""


@db.command()
@reporting
@click.pass_context
def upgrade(context: click.Context) -> None:
    """Run the steps that are missing; safe beside running processes of the version before."""
    with closing(JobStore(settings_of(context).resolved_database_url)) as jobs:
        jobs.create_tables()
        _show(context, jobs.database)


@db.command()
@reporting
@click.pass_context
def current(context: click.Context) -> None:
    """Say which step the database stands at."""
    with _opened(context) as database:
        _show(context, database)


@db.command()
@reporting
@click.pass_context
def check(context: click.Context) -> None:
    """Fail unless the database is as this version needs it."""
    with _opened(context) as database:
        revision = database.revision()
        if revision != HEAD:
            raise SchemaMismatch(
                f"the database is at schema {revision or 'none'}, this version works with {HEAD}: "
                "run `telecine db upgrade`"
            )
        _show(context, database)


@contextmanager
def _opened(context: click.Context) -> Iterator[Database]:
    with closing(Database(settings_of(context).resolved_database_url)) as database:
        yield database


def _show(context: click.Context, database: Database) -> None:
    schema = Schema(revision=database.revision())
    show(context, schema, f"schema {schema.revision or 'none'}, newest {schema.newest}")
