"""Moving bytes between files and homes: in chunks, hashed, and whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from telecine_platform.errors import StorageUnavailable

CHUNK_BYTES = 1024 * 1024
_HINTS = {
    errno.ENOSPC: "the disk is full: free space or move TELECINE_STORAGE_URL",
    errno.EDQUOT: "the disk quota is used up: raise it or move TELECINE_STORAGE_URL",
    errno.EROFS: "the file system is read-only: mount it writable or move TELECINE_STORAGE_URL",
    errno.EACCES: "no permission: give the folder to the user Telecine runs as",
    errno.EPERM: "not permitted: the file system must allow hard links and this user to write",
}


@contextmanager
def translated_os_errors(doing: str) -> Iterator[None]:
    """Turn an `OSError` into `StorageUnavailable` that says what was being done and what helps."""
    try:
        yield
    except OSError as error:
        hint = _HINTS.get(error.errno or 0, str(error))
        raise StorageUnavailable(f"cannot {doing}: {hint}") from error


def chunks_from_file(file: BinaryIO, num_bytes: int | None = None) -> Iterator[bytes]:
    """Read on from where the file stands: `num_bytes`, or to the end."""
    left = num_bytes
    while left is None or left > 0:
        chunk = file.read(CHUNK_BYTES if left is None else min(left, CHUNK_BYTES))
        if not chunk:
            return
        if left is not None:
            left -= len(chunk)
        yield chunk


def sha256_from_file(path: Path) -> str:
    """Hex digest of the content."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for chunk in chunks_from_file(file):
            digest.update(chunk)
    return digest.hexdigest()


def started(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Fetch the first chunk now, so that a missing blob raises at the call, not at the first byte
    of an HTTP answer whose status has already been sent."""
    first = next(chunks, b"")
    return _continued(first, chunks)


def save_verified(chunks: Iterator[bytes], target: Path, sha256: str) -> None:
    """Write the chunks to `target`, which appears only when whole and equal to the digest.

    Raises `StorageUnavailable` if the digest differs or the disk fails.
    """
    partial = target.with_name(f".{uuid.uuid4().hex}.part")
    digest = hashlib.sha256()
    try:
        with translated_os_errors(f"write {target}"):
            with partial.open("xb") as file:
                for chunk in chunks:
                    digest.update(chunk)
                    file.write(chunk)
            check_digest(str(target), expected=sha256, actual=digest.hexdigest())
            os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def check_digest(what: str, *, expected: str, actual: str) -> None:
    """Raise `StorageUnavailable` if the content is not what it was when it was hashed first."""
    if expected != actual:
        raise StorageUnavailable(
            f"{what} is damaged: SHA-256 is {actual}, expected {expected}; "
            "try again, and check the disk if it happens twice"
        )


def _continued(first: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
        yield from chunks
