"""The key that signs the ledger's heads, and those that are believed."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from telecine_platform.errors import InvalidRequest
from telecine_platform.rights.keys import (
    private_key_from_file,
    public_keys_from_file,
    write_new_keys,
)
from telecine_platform.settings import Settings


def signing_key(settings: Settings) -> Ed25519PrivateKey | None:
    """The configured key, or one in `data_dir`, made on first use.

    None where several machines may share the database and each would make one of its own. Raises
    `SettingsError` for a file that holds none.
    """
    file = settings.ledger_private_key_file
    if file is None and not settings.resolved_database_url.startswith("sqlite"):
        return None
    if file is None:
        file = settings.data_dir / "ledger.pem"
        _make(file)
    return private_key_from_file(file, "ledger_private_key_file")


def trusted_keys(settings: Settings) -> list[Ed25519PublicKey]:
    """Whose heads are believed: the present key's, and those of `ledger_public_key_file`."""
    key, file = signing_key(settings), settings.ledger_public_key_file
    trusted = [] if key is None else [key.public_key()]
    return trusted + ([] if file is None else public_keys_from_file(file, "ledger_public_key_file"))


def _make(file: Path) -> None:
    if file.exists():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        write_new_keys(file, file.with_suffix(".pub"))
    except InvalidRequest:
        if not file.exists():  # otherwise another process was faster
            raise
