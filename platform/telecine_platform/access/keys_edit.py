"""Changes to the keys file: a new key, a successor for an old one, an end to one.

A key's text is returned once, to be handed to its owner; the file never holds it.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from telecine_platform.access.callers import Scope
from telecine_platform.access.keys import ApiKey, ApiKeys, digest_from_key, new_key
from telecine_platform.access.keys_file import read_keys, write_keys
from telecine_platform.errors import NotFound, SettingsError


def add_key(
    file: Path,
    *,
    tenant_id: str,
    scopes: frozenset[Scope],
    name: str,
    expires_at: datetime | None,
) -> tuple[str, ApiKey]:
    """Give a tenant one more key, making the file if there is none. Returns the key's text."""
    text, prefix = new_key()
    key = ApiKey(
        tenant_id=tenant_id,
        sha256=digest_from_key(text),
        scopes=scopes,
        prefix=prefix,
        name=name,
        expires_at=expires_at,
    )
    with _locked(file):
        known = read_keys(file).keys if file.exists() else ()
        write_keys(file, ApiKeys(keys=(*known, key)))
    return text, key


def rotate_key(file: Path, label: str, *, keep: timedelta, now: datetime) -> tuple[str, ApiKey]:
    """Give a key a successor with the same scopes; the old one holds for `keep` longer.

    Returns the successor's text. Raises `NotFound` for an unknown or expired key.
    """
    text, prefix = new_key()
    with _locked(file):
        keys = read_keys(file).keys
        old = _find(keys, label)
        if old.is_expired(now):
            raise NotFound(f"the key {label} has expired: make a new one instead")
        ends_at = min(now + keep, old.expires_at or now + keep)
        successor = replace(old, sha256=digest_from_key(text), prefix=prefix, expires_at=None)
        rest = tuple(replace(key, expires_at=ends_at) if key is old else key for key in keys)
        write_keys(file, ApiKeys(keys=(*rest, successor)))
    return text, successor


def revoke_key(file: Path, label: str) -> ApiKey:
    """Take a key out of the file. Raises `NotFound`, and `SettingsError` for the last one."""
    with _locked(file):
        keys = read_keys(file).keys
        gone = _find(keys, label)
        if len(keys) == 1:
            raise SettingsError(
                f"{label} is the only key in {file}, and a file without keys stops the API: "
                "make another one first"
            )
        write_keys(file, ApiKeys(keys=tuple(key for key in keys if key is not gone)))
    return gone


def _find(keys: tuple[ApiKey, ...], label: str) -> ApiKey:
    found = [key for key in keys if key.label == label]
    if len(found) != 1:
        raise NotFound(f"no key {label[:60]!r} in the keys file; `telecine keys list` shows them")
    return found[0]


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """One change at a time, also between processes."""
    try:
        lock = file.with_name(f".{file.name}.lock").open("w")
    except OSError as error:
        raise SettingsError(f"api_keys_file {file} cannot be changed: {error}") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
