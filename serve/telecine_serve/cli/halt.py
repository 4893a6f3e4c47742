"""`telecine halt`: stop a model, a tenant or a region, in the database of the settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from telecine_platform.api.admin.halts import HaltBody, view_from_halt
from telecine_platform.api.shapes import body_from_fields
from telecine_platform.clock import utc_now
from telecine_platform.halts.records import Halt, HaltKind, HaltMode
from telecine_platform.halts.store import HaltStore
from telecine_serve.cli.reporting import database_of, reporting, show

WHO = "operator"
PAGE = 100


@click.group()
def halt() -> None:
    """Stop a model, a tenant or a region at once, and let it go on."""


@halt.command("order")
@click.argument("kind", type=click.Choice([kind.value for kind in HaltKind]))
@click.argument("value")
@click.option("--reason", required=True, help="Callers whose videos it stops read it.")
@click.option(
    "--mode", type=click.Choice([mode.value for mode in HaltMode]), default=HaltMode.WAIT.value,
    show_default=True, help="Queued and new videos wait for the lift, or fail.",
)  # fmt: skip
@reporting
@click.pass_context
def order(context: click.Context, kind: str, value: str, reason: str, mode: str) -> None:
    """Halt the model, tenant or region VALUE. Running videos are cancelled."""
    fields: dict[str, object] = {"kind": kind, "value": value, "reason": reason, "mode": mode}
    body = body_from_fields(HaltBody, fields)
    with _opened(context) as halts:
        ordered = halts.order(
            body.kind, body.value, mode=body.mode, reason=body.reason, who=WHO, now=utc_now()
        )
    _show(context, ordered)


@halt.command("list")
@click.option("--all", "is_all", is_flag=True, help="Lifted ones too.")
@reporting
@click.pass_context
def list_all(context: click.Context, is_all: bool) -> None:
    """Every halt in force."""
    with _opened(context) as halts:
        has_more, after = True, None
        while has_more:
            page, has_more = halts.list_halts(limit=PAGE, after=after)
            for each in page:
                after = each.id
                if each.is_active or is_all:
                    _show(context, each)


@halt.command("lift")
@click.argument("halt_id")
@reporting
@click.pass_context
def lift(context: click.Context, halt_id: str) -> None:
    """Let what HALT_ID stopped go on."""
    with _opened(context) as halts:
        _show(context, halts.lift(halt_id, who=WHO, now=utc_now()))


@contextmanager
def _opened(context: click.Context) -> Iterator[HaltStore]:
    with database_of(context) as database:
        yield HaltStore(database)


def _show(context: click.Context, each: Halt) -> None:
    when = f"since {each.created_at.isoformat(timespec='seconds')}"
    if each.lifted_at is not None:
        when = f"lifted {each.lifted_at.isoformat(timespec='seconds')} by {each.lifted_by}"
    line = f"{each.id}  {each.kind} {each.value}  {each.mode}  {when}  {each.reason}"
    show(context, view_from_halt(each), line)
