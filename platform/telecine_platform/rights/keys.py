"""Ed25519 keys in PEM files: one signs registry files, the other says whose are taken."""

from __future__ import annotations

import os
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


def private_key_from_file(file: Path) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(file.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise SettingsError(f"registry_private_key_file {file} is no readable PEM key") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SettingsError(f"registry_private_key_file {file} is no Ed25519 key")
    return key


def public_key_from_file(file: Path) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(file.read_bytes())
    except (OSError, ValueError) as error:
        raise SettingsError(f"registry_public_key_file {file} is no readable PEM key") from error
    if not isinstance(key, Ed25519PublicKey):
        raise SettingsError(f"registry_public_key_file {file} is no Ed25519 key")
    return key
