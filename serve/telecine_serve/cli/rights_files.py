"""`telecine rights import`, `export` and `new-key`: the registry as one signed file."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click
from pydantic import BaseModel

from telecine_platform.errors import InvalidRequest
from telecine_platform.rights.keys import write_new_keys
from telecine_platform.rights.transfer import MAX_IMPORT_BYTES, export_signed, import_signed
from telecine_serve.cli.reporting import reporting, settings_of, show
from telecine_serve.cli.rights import by_operator, opened, rights


class _Report(BaseModel):
    registry_version: str
    num_changed: int


@rights.command("import")
@click.argument("file", type=click.File("rb"))
@click.option("--public-key", type=click.Path(path_type=Path), help="PEM; the configured one.")
@reporting
@click.pass_context
def import_file(context: click.Context, file: BinaryIO, public_key: Path | None) -> None:
    """Take a signed registry FILE, whole or not at all; in force within seconds."""
    key_file = public_key or settings_of(context).registry_public_key_file
    with opened(context) as store:
        content = file.read(MAX_IMPORT_BYTES + 1)
        version, num_changed = import_signed(store, content, key_file, by_operator())
    report = _Report(registry_version=version.name, num_changed=num_changed)
    show(context, report, f"{num_changed} entries changed; version {version.name} is in force")


@rights.command("export")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--private-key", type=click.Path(path_type=Path), help="PEM; the configured one.")
@reporting
@click.pass_context
def export_file(context: click.Context, file: Path, private_key: Path | None) -> None:
    """Write everything on record to FILE, signed."""
    key_file = private_key or settings_of(context).registry_private_key_file
    with opened(context) as store:
        content = export_signed(store, key_file)
        version = store.current_version()
    try:
        file.write_bytes(content)
    except OSError as error:
        raise InvalidRequest(f"cannot write {file}: {error.strerror}") from error
    report = _Report(registry_version=version, num_changed=0)
    show(context, report, f"{file} ({len(content)} bytes), version {version}")


@rights.command("new-key")
@click.argument("private_file", type=click.Path(path_type=Path))
def new_key(private_file: Path) -> None:
    """Make a key pair: PRIVATE_FILE signs, PRIVATE_FILE.pub is for those who import."""
    public_file = private_file.with_name(f"{private_file.name}.pub")
    write_new_keys(private_file, public_file)
    click.echo(str(public_file))
