"""`telecine certificates`: a signing certificate, its root and a mark's key, for development."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import click

from telecine_platform.clips.keys import CHAIN, KEY, ROOT, write_development_certificates
from telecine_platform.clock import utc_now
from telecine_platform.errors import InvalidRequest
from telecine_serve.cli.reporting import reporting, show

MARK_KEYS = "mark.keys"


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@reporting
@click.pass_context
def certificates(context: click.Context, folder: Path) -> None:
    """Write a development certificate, its key and a mark's key to a new FOLDER.

    For releases, get a certificate of an authority on C2PA's trust list instead.
    """
    if not write_development_certificates(folder.absolute(), utc_now()):
        raise InvalidRequest(f"{folder} is there already: name a new folder, keys are not replaced")
    handle = os.open(folder / MARK_KEYS, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as opened:
        opened.write(secrets.token_hex(32) + "\n")
    report: dict[str, object] = {
        "signing_certificates_file": str(folder / CHAIN),
        "signing_key_file": str(folder / KEY),
        "signing_roots_file": str(folder / ROOT),
        "mark_keys_file": str(folder / MARK_KEYS),
    }
    show(context, report, "\n".join(f"{name}: {value}" for name, value in report.items()))
