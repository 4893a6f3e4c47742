"""`telecine ledger`: check and export the ledger of the configured database."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from telecine_platform.errors import InvalidRequest, SettingsError
from telecine_platform.ledger.check import check_ledger
from telecine_platform.ledger.heads import SignedHeads
from telecine_platform.ledger.keys import trusted_keys
from telecine_platform.ledger.store import Ledger
from telecine_platform.rights.keys import public_keys_from_file
from telecine_platform.storage.open import open_store
from telecine_safeguards.ledger.chain import line_from_entry
from telecine_serve.cli.reporting import database_of, reporting, settings_of, show

BROKEN = 1


@click.group()
def ledger() -> None:
    """What was decided, used, released and taken down: check it, export it."""


@ledger.command("verify")
@click.option(
    "--public-key", type=click.Path(path_type=Path),
    help="PEM file of the keys whose heads are believed; the configured ones.",
)  # fmt: skip
@reporting
@click.pass_context
def verify(context: click.Context, public_key: Path | None) -> None:
    """Look at every row and every signed head. Exit code 1: something was changed."""
    settings = settings_of(context)
    if public_key is None:
        keys = trusted_keys(settings)
    else:
        keys = public_keys_from_file(public_key, "--public-key")
    if not keys:
        raise SettingsError(
            "no key's heads are believed: set ledger_private_key_file, or name --public-key"
        )
    heads = SignedHeads(open_store(settings.resolved_storage_url, settings.s3_endpoint_url))
    with database_of(context) as database:
        report = check_ledger(Ledger(database), heads, keys)
    for fault in report.faults:
        show(context, {"row": fault.number, "what": fault.what}, f"row {fault.number} {fault.what}")
    for problem in report.head_problems:
        show(context, {"head": problem}, problem)
    signed = f"signed up to {report.signed_number}" if report.signed_number else "nothing signed"
    waiting = f", {report.num_unsealed} not sealed yet" if report.num_unsealed else ""
    verdict = "the ledger holds" if report.is_whole else "THE LEDGER IS BROKEN"
    line = f"{verdict}: {report.num_rows} rows, {report.num_heads} heads, {signed}{waiting}"
    summary = {
        "is_whole": report.is_whole,
        "num_rows": report.num_rows,
        "num_heads": report.num_heads,
        "signed_number": report.signed_number,
        "num_unsealed": report.num_unsealed,
    }
    show(context, summary, line)
    if not report.is_whole:
        context.exit(BROKEN)


@ledger.command("export")
@click.argument("file", type=click.Path(path_type=Path))
@reporting
@click.pass_context
def export(context: click.Context, file: Path) -> None:
    """Write every sealed row to FILE, one line of canonical JSON each.

    A row's hash is the SHA-256 of its line; the next row's `previous` repeats it.
    """
    num_rows = 0
    with database_of(context) as database:
        try:
            with file.open("x", encoding="utf-8") as stream:
                for entry in Ledger(database).entries():
                    stream.write(line_from_entry(entry) + "\n")
                    num_rows += 1
            head = Ledger(database).head()
        except OSError as error:
            raise InvalidRequest(f"cannot write {file}: {error.strerror}") from error
    report = {"num_rows": num_rows} | ({} if head is None else {"last_hash": asdict(head)["hash"]})
    show(context, report, f"{file}: {num_rows} rows")
