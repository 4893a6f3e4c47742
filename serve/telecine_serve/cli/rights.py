"""`telecine rights`: the registry of the configured database, for its operator."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import BinaryIO

import click

from telecine_platform.api.rights.wire import proposal_from_fields, view_from_entity
from telecine_platform.clock import utc_now
from telecine_platform.errors import InvalidRequest
from telecine_platform.jobs.database import Database
from telecine_platform.rights.entities import EntityFilter
from telecine_platform.rights.open import open_rights
from telecine_platform.rights.records import Change
from telecine_platform.rights.store import RightsStore
from telecine_safeguards.registry.entities import EntityKind, EntityStatus
from telecine_serve.cli.reporting import reporting, settings_of, show

PAGE = 500


@click.group()
def rights() -> None:
    """Register what is protected; grant and revoke its use."""


@contextmanager
def opened(context: click.Context) -> Iterator[RightsStore]:
    """The rights store of the settings."""
    settings = settings_of(context)
    with closing(Database(settings.resolved_database_url)) as database:
        yield open_rights(settings, database)


def by_operator() -> Change:
    return Change(who="operator", at=utc_now())


@rights.command("list")
@click.option("--kind", type=click.Choice([kind.value for kind in EntityKind]))
@click.option("--status", type=click.Choice([status.value for status in EntityStatus]))
@click.option("--name", help="Part of the name.")
@reporting
@click.pass_context
def list_all(
    context: click.Context, kind: str | None, status: str | None, name: str | None
) -> None:
    """Every entity, in the order of ids."""
    wanted = EntityFilter(
        kind=None if kind is None else EntityKind(kind),
        status=None if status is None else EntityStatus(status),
        name=name,
    )
    with opened(context) as store:
        has_more, after = True, None
        while has_more:
            page, has_more = store.list_entities(wanted, limit=PAGE, after=after)
            for each in page:
                entity, after = each.entity, each.entity.id
                line = f"{entity.id}  {entity.kind}  {entity.status}  {entity.name}"
                show(context, view_from_entity(each), f"{line}  ({entity.rights_holder})")


@rights.command("propose")
@click.argument("file", type=click.File("rb"))
@reporting
@click.pass_context
def propose(context: click.Context, file: BinaryIO) -> None:
    """Register the entity in FILE (one JSON object; - is standard input) as proposed."""
    try:
        fields = json.loads(file.read(1024 * 1024))
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("the file holds no JSON object of less than 1 MiB") from error
    if not isinstance(fields, dict):
        raise InvalidRequest("the file must hold one JSON object")
    entity, owner = proposal_from_fields(fields)
    with opened(context) as store:
        found = store.propose(entity, owner, by_operator())
    show(context, view_from_entity(found), f"{entity.id} is proposed")


@rights.command("verify")
@click.argument("entity_id")
@click.option("--owner", help="Tenant that grants and revokes from now on.")
@reporting
@click.pass_context
def verify(context: click.Context, entity_id: str, owner: str | None) -> None:
    """Let a hit on ENTITY_ID count from now on."""
    if owner is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", owner):
        raise InvalidRequest(f"owner {owner[:64]!r} is no tenant name", param="owner")
    _move(context, entity_id, EntityStatus.VERIFIED, owner)


@rights.command("dispute")
@click.argument("entity_id")
@reporting
@click.pass_context
def dispute(context: click.Context, entity_id: str) -> None:
    """Let a hit on ENTITY_ID ask a person from now on."""
    _move(context, entity_id, EntityStatus.DISPUTED, None)


@rights.command("withdraw")
@click.argument("entity_id")
@reporting
@click.pass_context
def withdraw(context: click.Context, entity_id: str) -> None:
    """Protect ENTITY_ID no longer."""
    _move(context, entity_id, EntityStatus.WITHDRAWN, None)


def _move(context: click.Context, entity_id: str, status: EntityStatus, owner: str | None) -> None:
    with opened(context) as store:
        found = store.set_status(entity_id, status, by_operator(), owner)
    show(context, view_from_entity(found), f"{entity_id} is {status}")
