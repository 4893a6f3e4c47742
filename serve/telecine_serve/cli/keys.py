"""`telecine keys`: the keys file of the settings, for its operator. A running API follows it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path

import click

from telecine_platform.access.callers import PLAIN_SCOPES, TENANT_PATTERN, Scope
from telecine_platform.access.keys import ApiKey
from telecine_platform.access.keys_edit import add_key, revoke_key, rotate_key
from telecine_platform.access.keys_file import read_keys
from telecine_platform.clock import utc_now
from telecine_platform.errors import InvalidRequest, SettingsError
from telecine_serve.cli.reporting import reporting, settings_of, show


@click.group()
def keys() -> None:
    """Make, rotate and revoke API keys."""


@keys.command("new")
@click.argument("tenant_id")
@click.option("--name", default="", help="What it is for.")
@click.option(
    "--scope", "scopes", multiple=True, type=click.Choice([scope.value for scope in Scope]),
    default=sorted(scope.value for scope in PLAIN_SCOPES), show_default=True,
)  # fmt: skip
@click.option("--days", type=click.IntRange(min=1), help="It expires then; never unless set.")
@reporting
@click.pass_context
def new(
    context: click.Context, tenant_id: str, name: str, scopes: tuple[str, ...], days: int | None
) -> None:
    """Give TENANT_ID a key. It is shown once."""
    if not re.fullmatch(TENANT_PATTERN, tenant_id):
        raise InvalidRequest(f"{tenant_id[:64]!r} is no tenant name", param="tenant_id")
    text, key = add_key(
        _file(context),
        tenant_id=tenant_id,
        scopes=frozenset(Scope(scope) for scope in scopes),
        name=name,
        expires_at=None if days is None else utc_now() + timedelta(days=days),
    )
    _show_once(context, text, key)


@keys.command("rotate")
@click.argument("prefix")
@click.option(
    "--keep-hours", type=click.FloatRange(min=0), default=24.0, show_default=True,
    help="How long the old key still opens.",
)  # fmt: skip
@reporting
@click.pass_context
def rotate(context: click.Context, prefix: str, keep_hours: float) -> None:
    """Give the key PREFIX a successor with the same scopes. It is shown once."""
    keep = timedelta(hours=keep_hours)
    text, key = rotate_key(_file(context), prefix, keep=keep, now=utc_now())
    _show_once(context, text, key)


@keys.command("list")
@reporting
@click.pass_context
def list_all(context: click.Context) -> None:
    """Every key by its prefix; the keys themselves are nowhere."""
    now = utc_now()
    for key in read_keys(_file(context)).keys:
        show(context, _fields(key), _line(key, now))


@keys.command("revoke")
@click.argument("prefix")
@reporting
@click.pass_context
def revoke(context: click.Context, prefix: str) -> None:
    """Take the key PREFIX out of the file: it opens nothing a second later."""
    key = revoke_key(_file(context), prefix)
    show(context, _fields(key), f"{key.label} of {key.tenant_id} is revoked")


def _file(context: click.Context) -> Path:
    file = settings_of(context).api_keys_file
    if file is None:
        raise SettingsError("api_keys_file is not set: say where the keys file is, or shall be")
    return file


def _show_once(context: click.Context, text: str, key: ApiKey) -> None:
    """The only place where a key's text is ever shown."""
    show(context, _fields(key) | {"key": text}, text)
    click.echo("Keep it: it cannot be shown again.", err=True)


def _fields(key: ApiKey) -> dict[str, object]:
    return {
        "prefix": key.label,
        "tenant_id": key.tenant_id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "expires_at": None if key.expires_at is None else key.expires_at.isoformat(),
    }


def _line(key: ApiKey, now: datetime) -> str:
    if key.expires_at is None:
        until = "until revoked"
    else:
        word = "expired" if key.is_expired(now) else "until"
        until = f"{word} {key.expires_at.isoformat(timespec='seconds')}"
    return f"{key.label}  {key.tenant_id}  {','.join(sorted(key.scopes))}  {until}  {key.name}"
