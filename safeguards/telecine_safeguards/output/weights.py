"""Holds models to the bytes that were measured: a package that ships others is refused."""

from __future__ import annotations

import hashlib
from pathlib import Path

from telecine_safeguards.errors import CheckFailed


def checked_weights(path: str, sha256: str) -> str:
    """Give the path back. Raises CheckFailed unless the file has that SHA-256."""
    try:
        with Path(path).open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CheckFailed(f"the model {Path(path).name} is missing; reinstall it") from error
    if found != sha256:
        raise CheckFailed(f"the model {Path(path).name} was altered; reinstall the pinned version")
    return path
