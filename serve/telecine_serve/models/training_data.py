"""Where a model's training data came from: a signed manifest beside its weights.

`training-data.json` names every source with its generator or origin, its licence and its rights
holder, and the SHA-256 of every weight file that was learnt from them; `training-data.sig` is an
Ed25519 signature (RFC 8032) over its bytes. Invariant: a manifest that is returned was signed by a
trusted key, and the weights beside it are the ones that it speaks of.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final, Literal

import yaml
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from telecine_platform.errors import ModelError
from telecine_safeguards.registry.export import key_name
from telecine_serve.models.checksums import digest_of

MANIFEST_FILE: Final = "training-data.json"
SIGNATURE_FILE: Final = "training-data.sig"
_Text = Annotated[str, StringConstraints(min_length=1)]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Draw(_Closed):
    """One stage's clips: how its random stream is seeded, and how many clips that gave."""

    stage: _Text
    seeds: _Text
    num_clips: int = Field(ge=1)


class Source(_Closed):
    """One origin of training data."""

    name: _Text
    kind: Literal["rendered", "recorded", "licensed", "public-domain"]
    licence: _Text
    """An SPDX expression, or where the contract lies."""
    rights_holder: _Text
    generator_version: int | None = None
    """Of rendered data: the version of the code that draws it."""
    generator_sha256: dict[str, str] = {}
    draws: tuple[Draw, ...] = ()


class TrainingManifest(_Closed):
    format: Literal["telecine-training-data-1"] = "telecine-training-data-1"
    model: _Text
    made_on: _Text
    made_with: _Text
    """The command that makes the weights again."""
    sources: tuple[Source, ...] = Field(min_length=1)
    weights_sha256: dict[str, str] = Field(min_length=1)
    """By path below the model's folder."""
    can: tuple[str, ...]
    cannot: tuple[str, ...]


def statement_from_file(file: Path, folder: Path) -> TrainingManifest:
    """What `file` (YAML or JSON) says, with the hashes of the weights that are in `folder` now.

    Raises `ModelError` for a file that says too little, and for a folder without weights.
    """
    digests = weight_digests(folder)
    if not digests:
        raise ModelError(f"{folder} holds no safetensors file to vouch for")
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
        return TrainingManifest.model_validate(dict(values) | {"weights_sha256": digests})
    except (OSError, UnicodeDecodeError, yaml.YAMLError, TypeError, ValueError) as error:
        raise ModelError(f"{file} is not a statement on training data: {error}") from error


def sign_manifest(folder: Path, manifest: TrainingManifest, key: Ed25519PrivateKey) -> None:
    """Write manifest and signature into the model's folder."""
    content = json.dumps(manifest.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"
    signature = base64.b64encode(key.sign(content.encode())).decode()
    (folder / MANIFEST_FILE).write_text(content, encoding="utf-8")
    (folder / SIGNATURE_FILE).write_text(f"{key_name(key.public_key())}  {signature}\n")


def read_manifest(folder: Path, trusted_keys: Sequence[Ed25519PublicKey]) -> TrainingManifest:
    """Check signature and weights; raises ModelError, which says what does not fit."""
    try:
        content = (folder / MANIFEST_FILE).read_bytes()
        name, _, signature = (folder / SIGNATURE_FILE).read_text().strip().partition("  ")
    except OSError as error:
        raise ModelError(
            f"{folder} has no signed {MANIFEST_FILE}: nobody vouches for its training data"
        ) from error
    _check_signature(folder, content, name, signature, trusted_keys)
    try:
        manifest = TrainingManifest.model_validate_json(content)
    except ValidationError as error:
        raise ModelError(f"{folder / MANIFEST_FILE} is not a manifest: {error}") from error
    _check_weights(folder, manifest)
    return manifest


def weight_digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every safetensors file below `folder`, by path."""
    paths = sorted(folder.rglob("*.safetensors"))
    return {path.relative_to(folder).as_posix(): digest_of(path) for path in paths}


def _check_signature(
    folder: Path,
    content: bytes,
    name: str,
    signature: str,
    trusted_keys: Sequence[Ed25519PublicKey],
) -> None:
    key = {key_name(each): each for each in trusted_keys}.get(name)
    if key is None:
        raise ModelError(
            f"{folder / MANIFEST_FILE} is signed by key {name!r:.40}, which is not trusted here; "
            "add the key if you know whose it is"
        )
    try:
        key.verify(base64.b64decode(signature, validate=True), content)
    except (InvalidSignature, binascii.Error) as error:
        raise ModelError(
            f"{folder / MANIFEST_FILE} was changed after it was signed: get the model again"
        ) from error


def _check_weights(folder: Path, manifest: TrainingManifest) -> None:
    found = weight_digests(folder)
    if found != manifest.weights_sha256:
        names = {*found, *manifest.weights_sha256}
        wrong = sorted(n for n in names if found.get(n) != manifest.weights_sha256.get(n))
        raise ModelError(
            f"{folder / MANIFEST_FILE} speaks of other weights than these: {', '.join(wrong)}"
        )
