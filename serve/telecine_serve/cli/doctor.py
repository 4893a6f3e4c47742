"""`telecine doctor`: what is missing on this machine, and how to mend it."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from telecine_platform.settings import load_settings
from telecine_serve.local.checkup import Finding, check_machine

_MARKS = {"ok": "[green]ok[/]", "note": "[yellow]note[/]", "missing": "[red]missing[/]"}


@click.command()
@click.option("--config", "config_file", type=click.Path(path_type=Path), help="YAML or TOML file.")
@click.option("--json", "as_json", is_flag=True, help="Report as JSON.")
@click.pass_context
def doctor(context: click.Context, config_file: Path | None, as_json: bool) -> None:
    """Check this machine against the settings; exit code 1 when something is missing."""
    findings = check_machine(load_settings(config_file))
    if as_json:
        click.echo(json.dumps([finding.as_dict() for finding in findings]))
    else:
        Console().print(_table(findings))
    context.exit(1 if any(finding.level == "missing" for finding in findings) else 0)


def _table(findings: list[Finding]) -> Table:
    table = Table("", "what", "found", "cure")
    for finding in findings:
        table.add_row(_MARKS[finding.level], finding.what, finding.found, finding.cure)
    return table
