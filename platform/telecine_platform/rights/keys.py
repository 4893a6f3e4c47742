"""Ed25519 keys in PEM files: one signs registry files or the ledger's heads, the other says whose
are taken.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from telecine_platform.errors import InvalidRequest, SettingsError

_PEM_BLOCK = re.compile(rb"-----BEGIN .*?-----END [A-Z ]+-----", re.DOTALL)


def write_new_keys(private_file: Path, public_file: Path) -> None:
    """Make a pair; refuses to write over a file that is there."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for file, content, mode in ((private_file, private, 0o600), (public_file, public, 0o644)):
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        except OSError as error:
            raise InvalidRequest(f"cannot write {file}: {error.strerror}") from error
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)


def private_key_from_file(
    file: Path, setting: str = "registry_private_key_file"
) -> Ed25519PrivateKey:
    """Raises `SettingsError`, which names the setting."""
    try:
        key = load_pem_private_key(file.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise SettingsError(f"{setting} {file} is no readable PEM key") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SettingsError(f"{setting} {file} is no Ed25519 key")
    return key


def public_key_from_file(file: Path, setting: str = "registry_public_key_file") -> Ed25519PublicKey:
    """The first key of the file. Raises `SettingsError`, which names the setting."""
    return public_keys_from_file(file, setting)[0]


def public_keys_from_file(file: Path, setting: str) -> list[Ed25519PublicKey]:
    """Every key of a file of PEM blocks, at least one. Raises `SettingsError`."""
    try:
        blocks = _PEM_BLOCK.findall(file.read_bytes())
        keys = [load_pem_public_key(block) for block in blocks]
    except (OSError, ValueError) as error:
        raise SettingsError(f"{setting} {file} is no readable PEM key") from error
    if not keys:
        raise SettingsError(f"{setting} {file} is no readable PEM key")
    found = [key for key in keys if isinstance(key, Ed25519PublicKey)]
    if len(found) < len(keys):
        raise SettingsError(f"{setting} {file} is no Ed25519 key")
    return found
