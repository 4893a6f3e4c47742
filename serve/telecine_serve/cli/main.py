"""The command group, and the one place where an error becomes an exit code.

Exit codes: 0 done, 1 failed, 2 wrong usage or settings, 3 something it depends on is down.
"""

from __future__ import annotations

import json
import sys

import click

from telecine_platform.errors import (
    ClusterUnavailable,
    InvalidRequest,
    NotFound,
    SettingsError,
    StorageUnavailable,
    StoreUnavailable,
    TelecineError,
)
from telecine_serve.cli import rights_files, rights_grants, rights_statement  # noqa: F401  their commands
from telecine_serve.cli.certificates import certificates
from telecine_serve.cli.db import db
from telecine_serve.cli.doctor import doctor
from telecine_serve.cli.generate import generate
from telecine_serve.cli.halt import halt
from telecine_serve.cli.keys import keys
from telecine_serve.cli.ledger import ledger
from telecine_serve.cli.models import models
from telecine_serve.cli.plan import plan
from telecine_serve.cli.rights import rights
from telecine_serve.cli.screen import screen
from telecine_serve.cli.status import status
from telecine_serve.cli.up import up
from telecine_serve.cli.upgrade import upgrade
from telecine_serve.cli.verify import verify

FAILED, USAGE, DEPENDENCY_DOWN = 1, 2, 3


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="telecine")
def cli() -> None:
    """Text to video with the rights safeguards built in."""


for command in (
    up, generate, verify, certificates, screen, rights, ledger, halt, keys, db, plan, models,
    doctor, status, upgrade,
):  # fmt: skip
    cli.add_command(command)


def main() -> None:
    """Entry point of the `telecine` script."""
    try:
        code = cli.main(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except TelecineError as error:
        _show(error, as_json="--json" in sys.argv)
        sys.exit(exit_code_from_error(error))


def exit_code_from_error(error: TelecineError) -> int:
    if isinstance(error, SettingsError | InvalidRequest | NotFound):
        return USAGE
    if isinstance(error, StoreUnavailable | StorageUnavailable | ClusterUnavailable):
        return DEPENDENCY_DOWN
    return FAILED


def _show(error: TelecineError, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"error": {"code": error.code, "message": str(error)}}), err=True)
    else:
        click.echo(f"telecine: {error}", err=True)
