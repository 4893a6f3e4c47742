"""A registry as one signed file: JSON Lines that every replica can check before it believes them.

First line: a header with the version, the counts and the SHA-256 of the body. Then one entity or
grant a line. Last line: an Ed25519 signature (RFC 8032) over every byte before it. Invariant: a
file with one wrong byte, a missing line or a key that is not trusted is refused whole.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from typing import Annotated, Final, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from telecine_safeguards.errors import RegistryError
from telecine_safeguards.registry.entities import Registry
from telecine_safeguards.registry.load import json_object, registry_from_rows
from telecine_safeguards.registry.rows import json_from_record

FORMAT: Final = "telecine-registry-1"
_KEY_DIGITS: Final = 16


class _Header(BaseModel):
    model_config = ConfigDict(extra="forbid")

    format: Literal["telecine-registry-1"]
    version: Annotated[str, StringConstraints(min_length=1)]
    num_entities: int = Field(ge=1)
    num_grants: int = Field(ge=0)
    sha256: str


class _Signature(BaseModel):
    model_config = ConfigDict(extra="forbid")

    key: str
    ed25519: str


def export_registry(registry: Registry, key: Ed25519PrivateKey) -> bytes:
    """Write and sign all entities and grants, in the registry's order."""
    lines = [f'{{"entity":{json_from_record(entity)}}}' for entity in registry.entities]
    lines += [f'{{"grant":{json_from_record(grant)}}}' for grant in registry.grants]
    body = "".join(f"{line}\n" for line in lines).encode()
    header = _Header(
        format="telecine-registry-1",
        version=registry.version,
        num_entities=len(registry.entities),
        num_grants=len(registry.grants),
        sha256=hashlib.sha256(body).hexdigest(),
    )
    signed = header.model_dump_json().encode() + b"\n" + body
    signature = base64.b64encode(key.sign(signed)).decode()
    last = {"key": key_name(key.public_key()), "ed25519": signature}
    return signed + json.dumps(last).encode() + b"\n"


def registry_from_export(
    content: bytes, *, trusted_keys: Sequence[Ed25519PublicKey], source: str
) -> Registry:
    """Check and read a signed file; its version is the header's. Raises RegistryError."""
    signed, _, last = content.removesuffix(b"\n").rpartition(b"\n")
    signed += b"\n"
    _check_signature(signed, last, trusted_keys, source)
    first, _, body = signed.partition(b"\n")
    try:
        header = _Header.model_validate(json_object(first, source=source, number=1))
    except ValidationError as error:
        raise RegistryError(f"registry {source}: the header is wrong: {error}") from error
    lines = body.split(b"\n")[:-1]
    rows = [json_object(line, source=source, number=i) for i, line in enumerate(lines, start=2)]
    entities = [row["entity"] for row in rows if list(row) == ["entity"]]
    grants = [row["grant"] for row in rows if list(row) == ["grant"]]
    counts = (len(entities), len(grants), len(rows))
    expected = (header.num_entities, header.num_grants, header.num_entities + header.num_grants)
    if hashlib.sha256(body).hexdigest() != header.sha256 or counts != expected:
        raise RegistryError(
            f"registry {source}: the header does not fit the lines; ask for the file again"
        )
    return registry_from_rows(
        version=header.version, entities=entities, grants=grants, source=source
    )


def key_name(key: Ed25519PublicKey) -> str:
    """Name a public key by the start of its SHA-256, for people to compare."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:_KEY_DIGITS]


def _check_signature(
    signed: bytes, last: bytes, trusted_keys: Sequence[Ed25519PublicKey], source: str
) -> None:
    try:
        signature = _Signature.model_validate_json(last)
        raw = base64.b64decode(signature.ed25519, validate=True)
    except (ValidationError, binascii.Error) as error:
        raise RegistryError(
            f"registry {source}: the last line is no signature, so the file is unsigned or cut;"
            " ask for the file again"
        ) from error
    key = {key_name(each): each for each in trusted_keys}.get(signature.key)
    if key is None:
        raise RegistryError(
            f"registry {source}: signed by key {signature.key!r:.40}, which is not trusted here;"
            " add the key to the trusted ones if you know whose it is"
        )
    try:
        key.verify(raw, signed)
    except InvalidSignature as error:
        raise RegistryError(
            f"registry {source}: the signature does not fit: the file was changed or damaged;"
            " ask for the file again"
        ) from error
