from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from telecine_platform.errors import ModelError
from telecine_platform.rights.keys import public_key_from_file
from telecine_serve.embedded import captions, render, scenes
from telecine_serve.embedded.provenance import manifest_of
from telecine_serve.embedded.training.recipe import RECIPES
from telecine_serve.models.checksums import digest_of
from telecine_serve.models.embedded import PUBLIC_KEY_FILE, SHIPPED
from telecine_serve.models.training_data import MANIFEST_FILE, read_manifest, sign_manifest

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped model, signed by this test's key."""
    copied = tmp_path / "model"
    shutil.copytree(SHIPPED, copied)
    sign_manifest(copied, manifest_of(copied, 0, RECIPES["shipped"], date(2026, 1, 2)), KEY)
    return copied


def test_shipped_model_tells_where_its_data_came_from() -> None:
    manifest = read_manifest(SHIPPED, [public_key_from_file(SHIPPED / PUBLIC_KEY_FILE)])

    (source,) = manifest.sources
    assert source.kind == "rendered"
    assert source.licence == "Apache-2.0"
    assert [draw.stage.split()[0] for draw in source.draws] == ["vae", "transformer", "reader"]
    code = {Path(str(module.__file__)) for module in (scenes, captions, render)}
    assert source.generator_sha256 == {path.name: digest_of(path) for path in code}


def test_signed_manifest_is_read_back(folder: Path) -> None:
    assert read_manifest(folder, [KEY.public_key()]).made_on == "2026-01-02"


def test_other_key_is_refused(folder: Path) -> None:
    other = Ed25519PrivateKey.from_private_bytes(bytes([1] * 32)).public_key()
    with pytest.raises(ModelError, match="not trusted here"):
        read_manifest(folder, [other])


def test_changed_manifest_is_refused(folder: Path) -> None:
    path = folder / MANIFEST_FILE
    path.write_text(path.read_text().replace("rendered", "licensed"))
    with pytest.raises(ModelError, match="changed after it was signed"):
        read_manifest(folder, [KEY.public_key()])


def test_changed_weights_are_refused_by_name(folder: Path) -> None:
    path = folder / "vae" / "diffusion_pytorch_model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(ModelError, match=r"vae/diffusion_pytorch_model\.safetensors"):
        read_manifest(folder, [KEY.public_key()])


def test_model_without_a_manifest_is_refused(folder: Path) -> None:
    (folder / MANIFEST_FILE).unlink()
    with pytest.raises(ModelError, match="nobody vouches"):
        read_manifest(folder, [KEY.public_key()])
