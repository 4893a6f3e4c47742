"""Single steps on the files of a local home: durable writes, records, tidy removal."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from pathlib import Path
from typing import BinaryIO

from telecine_platform.storage.store import BlobInfo
from telecine_platform.storage.transfer import chunks_from_file

_RECORD_FIELDS = ("content_type", "sha256", "size_bytes")


def copy_synced(source: Path, file: BinaryIO) -> str:
    """Copy and flush to the disk; return the SHA-256 of what was read."""
    digest = hashlib.sha256()
    with source.open("rb") as content:
        for chunk in chunks_from_file(content):
            digest.update(chunk)
            file.write(chunk)
    file.flush()
    os.fsync(file.fileno())
    return digest.hexdigest()


def write_record(path: Path, info: BlobInfo) -> None:
    """Write what `info()` needs after a restart, flushed to the disk."""
    with path.open("w", encoding="utf-8") as file:
        json.dump({name: getattr(info, name) for name in _RECORD_FIELDS}, file)
        file.flush()
        os.fsync(file.fileno())


def info_from_record(path: Path, key: str) -> BlobInfo:
    """Read a record. Raises ValueError or TypeError if it is damaged."""
    record = json.loads(path.read_text(encoding="utf-8"))
    return BlobInfo(key=key, **record)


def remove_if_abandoned(path: Path) -> None:
    """Remove an unfinished file unless its writer, which holds a lock on it, is alive."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        path.unlink(missing_ok=True)


def sync_folders(folder: Path, root: Path) -> None:
    """Make new names in `folder`, and `folder` itself up to `root`, survive a power cut."""
    while folder.is_relative_to(root):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        folder = folder.parent


def remove_with_folders(path: Path, top: Path) -> None:
    """Remove the file, if it is there, and the folders below `top` that it leaves empty."""
    path.unlink(missing_ok=True)
    for folder in path.parents:
        if folder == top or (folder.exists() and any(folder.iterdir())):
            return
        if folder.exists():
            folder.rmdir()


def raise_unless_gone(error: OSError) -> None:
    """For `os.walk`: a folder deleted meanwhile, or a key that is no folder, has no keys."""
    if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
        raise error
