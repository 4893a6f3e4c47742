"""`telecine models`: what the catalogue has, and bringing a model to a folder."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from telecine_platform.catalogue import CATALOGUE
from telecine_platform.settings import load_settings
from telecine_serve.models.embedded import write_embedded_model


@click.group()
def models() -> None:
    """Look at the catalogue; bring a model to a folder."""


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="Report as JSON.")
def list_models(as_json: bool) -> None:
    """Every model with its limits."""
    if as_json:
        click.echo(json.dumps([asdict(card) for card in CATALOGUE.values()]))
        return
    table = Table("model", "sizes", "seconds", "fps", "steps")
    for card in CATALOGUE.values():
        sizes = ", ".join(f"{width}x{height}" for width, height in card.sizes_px)
        seconds = ", ".join(str(value) for value in sorted(card.durations_s))
        table.add_row(card.name, sizes, seconds, str(card.fps), str(card.num_steps))
    Console().print(table)


@models.command("write-embedded")
@click.argument("folder", type=click.Path(path_type=Path))
def write_embedded(folder: Path) -> None:
    """Write the embedded model to FOLDER in diffusers' format."""
    write_embedded_model(folder)
    click.echo(str(folder))


@models.command("fetch")
@click.argument("source")
@click.argument("folder", type=click.Path(path_type=Path))
def fetch(source: str, folder: Path) -> None:
    """Copy the model at SOURCE (s3://bucket/models/name or file:///...) to FOLDER, verified.

    Does nothing when it is there. The S3 endpoint and credentials are those of the settings.
    """
    from telecine_serve.models.fetch import fetch_model

    is_new = fetch_model(source, load_settings().s3_endpoint_url, folder)
    click.echo(f"{folder} ({'copied' if is_new else 'was there'})")
