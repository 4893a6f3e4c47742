"""`python -m telecine_serve.embedded.training.release FOLDER --key FILE`: ship a trained model.

Puts the model, its evaluation and its signed training-data manifest where the package takes them
from. The key is an Ed25519 key in PEM; its public half goes beside the weights.
"""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import click
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from telecine_platform.rights.keys import private_key_from_file
from telecine_serve.embedded.provenance import manifest_of
from telecine_serve.embedded.training.recipe import RECIPES
from telecine_serve.models.embedded import PUBLIC_KEY_FILE, SHIPPED
from telecine_serve.models.training_data import sign_manifest


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True))
@click.option("--key", "key_file", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--made-on", default=date.today().isoformat(), help="Default: today.")
def main(folder: Path, key_file: Path, seed: int, made_on: str) -> None:
    """Replace the shipped model by the one in FOLDER."""
    key = private_key_from_file(key_file)
    shutil.rmtree(SHIPPED, ignore_errors=True)
    shutil.copytree(folder / "model", SHIPPED)
    shutil.copy(folder / "evaluation.json", SHIPPED / "evaluation.json")
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (SHIPPED / PUBLIC_KEY_FILE).write_bytes(public)
    manifest = manifest_of(SHIPPED, seed, RECIPES["shipped"], date.fromisoformat(made_on))
    sign_manifest(SHIPPED, manifest, key)
    click.echo(str(SHIPPED))


if __name__ == "__main__":
    main()
