"""`telecine models`: the catalogue, bringing a model to a folder, and who vouches for it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from telecine_platform.catalogue import CATALOGUE
from telecine_platform.rights.keys import private_key_from_file
from telecine_platform.settings import load_settings
from telecine_serve.models.embedded import write_embedded_model


@click.group()
def models() -> None:
    """Look at the catalogue; bring a model to a folder; say where its training data came from."""


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


@models.command("vouch")
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("statement", type=click.Path(path_type=Path))
@click.option("--key", "key_file", type=click.Path(path_type=Path), required=True, help="PEM.")
def vouch(folder: Path, statement: Path, key_file: Path) -> None:
    """Sign what STATEMENT (YAML or JSON) says of the training data of the model in FOLDER.

    The hashes of the weights are added. `telecine rights keys` makes a pair of keys.
    """
    from telecine_serve.models.training_data import sign_manifest, statement_from_file

    key = private_key_from_file(key_file, "--key")
    sign_manifest(folder, statement_from_file(statement, folder), key)
    click.echo(f"{folder}: signed")


@models.command("check")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--keys", "keys_file", type=click.Path(path_type=Path), help="PEM; else the settings."
)
@click.option("--json", "as_json", is_flag=True, help="The manifest as JSON.")
def check(folder: Path, keys_file: Path | None, as_json: bool) -> None:
    """Whether FOLDER may be served by the settings: who vouches for its training data, and what
    that is.
    """
    from telecine_serve.models.licence_gate import check_folder

    settings = load_settings()
    trusted = keys_file or settings.model_keys_file
    if trusted is None:
        raise click.UsageError("give --keys, or set TELECINE_MODEL_KEYS_FILE: whose word counts?")
    manifest = check_folder(folder, trusted, settings.model_licences)
    if as_json:
        click.echo(manifest.model_dump_json())
        return
    for source in manifest.sources:
        click.echo(f"{source.kind}: {source.name} ({source.licence}, {source.rights_holder})")
