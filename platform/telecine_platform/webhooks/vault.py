"""Seals the signing secrets: the database and its backups hold none that could be used.

A signature needs the secret itself, so a digest would not do. The keys are in a file of their own
(Fernet: AES-128-CBC and HMAC-SHA256), the first one seals and every one opens, so keys can be
rotated by putting a new one on top.
"""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from telecine_platform.errors import InvalidRequest, SettingsError
from telecine_platform.settings import Settings


class Vault:
    """Seals and opens short texts."""

    def __init__(self, keys: list[Fernet]) -> None:
        self._fernet = MultiFernet(keys)

    def seal(self, text: str) -> str:
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """Raises `SettingsError` when none of the keys opens it."""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken as error:
            raise SettingsError(
                "a webhook's secret was sealed with a key that is not in webhook_keys_file"
            ) from error


def open_vault(settings: Settings) -> Vault:
    """Read the keys file, or the one in `data_dir`, made on first use.

    Raises `SettingsError`, and `InvalidRequest` where several machines may share the database and
    each would make a key of its own.
    """
    file = settings.webhook_keys_file
    if file is None and not settings.resolved_database_url.startswith("sqlite"):
        raise InvalidRequest(
            "webhooks are not set up here: the operator has to set webhook_keys_file, the same "
            "on every machine",
            code="webhooks_not_set_up",
        )
    if file is None:
        file = settings.data_dir / "webhook.keys"
        _make(file)
    try:
        lines = file.read_text(encoding="ascii").split()
        return Vault([Fernet(line) for line in lines])
    except OSError as error:
        raise SettingsError(f"webhook_keys_file {file} cannot be read: {error}") from error
    except ValueError as error:  # not quoted: it may be a key with a letter missing
        raise SettingsError(
            f"webhook_keys_file {file} must hold Fernet keys, one a line"
        ) from error


def _make(file: Path) -> None:
    """Write a new key that only we can read, unless there is a file already."""
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(handle, "wb") as opened:
        opened.write(Fernet.generate_key() + b"\n")
        opened.flush()
        os.fsync(handle)
