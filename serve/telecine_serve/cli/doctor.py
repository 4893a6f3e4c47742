"""`telecine doctor`: what is missing, on this machine or in a cluster, and how to mend it."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from telecine_platform.finding import Finding
from telecine_platform.k8s.checkup import check_cluster
from telecine_platform.k8s.client import open_cluster
from telecine_platform.settings import Settings, load_settings
from telecine_platform.storage.open import open_store
from telecine_serve.local.checkup import check_machine

_MARKS = {"ok": "[green]ok[/]", "note": "[yellow]note[/]", "missing": "[red]missing[/]"}


@click.command()
@click.option("--config", "config_file", type=click.Path(path_type=Path), help="YAML or TOML file.")
@click.option("--cluster", "is_cluster", is_flag=True, help="Check a cluster, not this machine.")
@click.option("--name", default="telecine-stages", show_default=True, help="The RayService's name.")
@click.option("--namespace", "-n", default=None, help="The context's own if not given.")
@click.option("--context", "kube_context", default=None, help="Of the kubeconfig.")
@click.option("--kubeconfig", type=click.Path(path_type=Path), default=None)
@click.option("--json", "as_json", is_flag=True, help="Report as JSON.")
@click.pass_context
def doctor(
    context: click.Context,
    config_file: Path | None,
    is_cluster: bool,
    name: str,
    namespace: str | None,
    kube_context: str | None,
    kubeconfig: Path | None,
    as_json: bool,
) -> None:
    """Check this machine against the settings, or a cluster against the release in it; exit code 1
    when something is missing.
    """
    settings = load_settings(config_file)
    if is_cluster:
        cluster = open_cluster(namespace=namespace, context=kube_context, kubeconfig=kubeconfig)
        findings = check_cluster(cluster, name, lambda url: _check_bucket(url, settings))
    else:
        findings = check_machine(settings)
    if as_json:
        click.echo(json.dumps([finding.as_dict() for finding in findings]))
    else:
        Console().print(_table(findings))
    context.exit(1 if any(finding.level == "missing" for finding in findings) else 0)


def _check_bucket(url: str, settings: Settings) -> None:
    open_store(url, settings.s3_endpoint_url).check()


def _table(findings: list[Finding]) -> Table:
    table = Table("", "what", "found", "cure")
    for finding in findings:
        table.add_row(_MARKS[finding.level], finding.what, finding.found, finding.cure)
    return table
