"""The secrets of provenance: the marks' keys, and who signs manifests.

Without settings both are made in `data_dir` on first use, for one machine's development; where
several machines share a database each would make its own, so there the settings are asked for.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Callable
from datetime import datetime
from importlib import import_module
from pathlib import Path

from telecine_platform.errors import SettingsError
from telecine_platform.settings import Settings
from telecine_safeguards.errors import ProvenanceError
from telecine_safeguards.provenance.certificates import make_development_certificates
from telecine_safeguards.provenance.signing import (
    ClipSigner,
    Sign,
    signer_from_key,
    signer_from_service,
)

MIN_KEY_CHARS = 32
CHAIN, KEY, ROOT = "chain.pem", "key.pem", "root.pem"


def mark_keys(settings: Settings) -> list[bytes]:
    """The keys of the marks: the first one marks, all are looked for. Raises `SettingsError`."""
    file = settings.mark_keys_file
    if file is None:
        _check_alone(settings, "mark_keys_file")
        file = settings.data_dir / "mark.keys"
        _make(file, lambda: secrets.token_hex(32).encode() + b"\n")
    try:
        keys = file.read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"mark_keys_file {file} cannot be read: {error}") from error
    if not keys or min(map(len, keys)) < MIN_KEY_CHARS:
        raise SettingsError(
            f"mark_keys_file {file} must hold keys of at least {MIN_KEY_CHARS} characters, one a "
            "line; `openssl rand -hex 32` makes one"
        )
    return [key.encode() for key in keys]


def clip_signer(settings: Settings, now: datetime) -> ClipSigner:
    """Who signs the manifests. Raises `SettingsError`, whatever of it is wrong."""
    chain_file = settings.signing_certificates_file
    given = [settings.signing_key_file, settings.signing_key, settings.signing_service]
    if chain_file is None and not any(given):
        _check_alone(settings, "signing_certificates_file and a key")
        folder = settings.data_dir / "signing"
        write_development_certificates(folder, now)
        return _signer(folder / CHAIN, lambda chain: signer_from_key(chain, _read(folder / KEY)))
    if chain_file is None or sum(map(bool, given)) != 1:
        raise SettingsError(
            "signing needs signing_certificates_file and exactly one of signing_key_file, "
            "signing_key and signing_service"
        )
    if settings.signing_service:
        service = _service(settings.signing_service)
        return _signer(chain_file, lambda chain: signer_from_service(chain, service))
    key_file = settings.signing_key_file
    key_pem = settings.signing_key.encode() if key_file is None else _read(key_file)
    return _signer(chain_file, lambda chain: signer_from_key(chain, key_pem))


def trusted_roots(settings: Settings) -> bytes | None:
    """PEM of the roots that manifests are checked against; None: nobody is trusted here."""
    file = settings.signing_roots_file
    if file is None and settings.signing_certificates_file is None:
        file = settings.data_dir / "signing" / ROOT
        return _read(file) if file.exists() else None
    return None if file is None else _read(file)


def write_development_certificates(folder: Path, now: datetime) -> bool:
    """Make `chain.pem`, `key.pem` and `root.pem`; False where the folder is there already."""
    if folder.exists():
        return False
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = make_development_certificates("Telecine development", now)
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        parts = Path(name) / "signing"
        parts.mkdir(mode=0o700)
        for file, content in ((CHAIN, made.chain_pem), (KEY, made.key_pem), (ROOT, made.root_pem)):
            _write_secret(parts / file, content)
        try:
            parts.rename(folder)  # whole, or not at all: several processes start at once
        except OSError:
            if not folder.exists():
                raise
            return False
    return True


def _signer(chain_file: Path, make: Callable[[bytes], ClipSigner]) -> ClipSigner:
    try:
        return make(_read(chain_file))
    except ProvenanceError as error:
        raise SettingsError(f"signing_certificates_file {chain_file}: {error}") from error


def _service(name: str) -> Sign:
    """`package.module:function`, which takes bytes and gives a DER signature."""
    module, _, function = name.partition(":")
    try:
        found = getattr(import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise SettingsError(
            f"signing_service {name!r} must name a function as `package.module:function`: {error}"
        ) from error
    if not callable(found):
        raise SettingsError(f"signing_service {name!r} is no function")
    sign: Sign = found
    return sign


def _check_alone(settings: Settings, names: str) -> None:
    if not settings.resolved_database_url.startswith("sqlite"):
        raise SettingsError(
            f"with PostgreSQL, set {names}, the same on every machine: each would make its own, "
            "and none could read the others' marks (`telecine certificates` makes all of them)"
        )


def _make(file: Path, content: Callable[[], bytes]) -> None:
    """Write a file that only we can read, whole, unless there is one already."""
    if file.exists():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        part = Path(folder) / file.name
        _write_secret(part, content())
        try:
            os.link(part, file)
        except FileExistsError:
            return  # another process was faster


def _write_secret(file: Path, content: bytes) -> None:
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(handle)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}") from error
