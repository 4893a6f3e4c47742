"""Blobs in a local folder: one machine, or one file system that several processes share.

`root/<key>` is the content, `root/.info/<key>.json` its record, `root/.incoming/` unfinished files.
Invariant: a visible blob is whole, verified and has its record. Publishing and deleting happen
under `root/.lock`; reading takes no lock, because the record is there before the blob is linked.
A crash leaves at most a file in `.incoming`, which the next create sweeps. Unlike in S3, a key
cannot also be a folder of other keys.
"""

from __future__ import annotations

import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from telecine_platform.errors import BlobExists, InvalidRequest, NotFound, StorageUnavailable
from telecine_platform.storage.keys import check_range, check_url_request, checked_key
from telecine_platform.storage.local_files import (
    copy_synced,
    info_from_record,
    raise_unless_gone,
    remove_if_abandoned,
    remove_with_folders,
    sync_folders,
    write_record,
)
from telecine_platform.storage.store import BlobInfo
from telecine_platform.storage.transfer import (
    check_digest,
    chunks_from_file,
    save_verified,
    sha256_from_file,
    started,
    translated_os_errors,
)


class LocalStore:
    """A `BlobStore` in a folder, which is made on first use. Makes no URLs: the API streams."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._records = self._root / ".info"
        self._incoming = self._root / ".incoming"

    def create(self, key: str, source: Path, content_type: str) -> BlobInfo:
        target = self._path(key)
        self._refuse_taken(key, target)
        with translated_os_errors(f"store {key!r} in {self._root}"), self._new_file() as file:
            sha256 = copy_synced(source, file)
            check_digest(key, expected=sha256, actual=sha256_from_file(Path(file.name)))
            info = BlobInfo(
                key=key,
                size_bytes=os.fstat(file.fileno()).st_size,
                content_type=content_type,
                sha256=sha256,
            )
            with self._locked():
                self._publish(info, Path(file.name), target)
        return info

    def info(self, key: str) -> BlobInfo:
        path = self._path(key)
        with translated_os_errors(f"read {key!r} in {self._root}"):
            if not path.is_file():
                raise NotFound(f"no blob {key!r} in {self._root}")
            size_bytes = path.stat().st_size
            try:
                info = info_from_record(self._record(key), key)
            except (ValueError, TypeError, FileNotFoundError) as error:
                if not path.exists():
                    raise NotFound(f"blob {key!r} in {self._root} was just deleted") from error
                raise StorageUnavailable(
                    f"the record of blob {key!r} in {self._records} is missing or damaged; "
                    "restore or delete the blob"
                ) from error
        if info.size_bytes != size_bytes:
            raise StorageUnavailable(
                f"blob {key!r} in {self._root} is damaged: it has {size_bytes} bytes, "
                f"its record says {info.size_bytes}; restore or delete it"
            )
        return info

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        check_range(start, end)
        self.info(key)
        return started(self._stream(key, start, end))

    def download(self, key: str, target: Path) -> None:
        save_verified(self.read(key), target, self.info(key).sha256)

    def keys(self, prefix: str) -> list[str]:
        with translated_os_errors(f"list {prefix!r} in {self._root}"):
            return sorted(
                str((Path(folder) / name).relative_to(self._root))
                for folder, _, names in os.walk(self._path(prefix), onerror=raise_unless_gone)
                for name in names
                if not (Path(folder) / name).is_symlink()
            )

    def delete(self, prefix: str) -> int:
        path = self._path(prefix)
        if not path.exists():
            return 0
        with translated_os_errors(f"delete {prefix!r} in {self._root}"), self._locked():
            keys = [prefix] if path.is_file() else self.keys(prefix)
            for key in keys:
                # The blob goes first: a crash in between leaves a record that nobody sees.
                remove_with_folders(self._path(key), self._root)
                remove_with_folders(self._record(key), self._records)
        return len(keys)

    def signed_url(self, key: str, expires_s: int, filename: str) -> str | None:
        check_url_request(key, expires_s, filename)
        self.info(key)
        return None

    def check(self) -> None:
        with translated_os_errors(f"use the folder {self._root}"):
            self._root.mkdir(parents=True, exist_ok=True)
            if not os.access(self._root, os.R_OK | os.W_OK | os.X_OK):
                raise StorageUnavailable(f"cannot write to the folder {self._root}")

    def _path(self, key: str) -> Path:
        path = self._root / checked_key(key)
        below_root = (path, *path.parents)[: len(path.parts) - len(self._root.parts)]
        if any(part.is_symlink() for part in below_root):
            raise InvalidRequest(f"storage key {key!r} passes through a symbolic link", param="key")
        return path

    def _record(self, key: str) -> Path:
        return self._records / f"{key}.json"

    def _refuse_taken(self, key: str, target: Path) -> None:
        if target.is_dir() or any(
            parent.is_file() for parent in target.parents if parent.is_relative_to(self._root)
        ):
            raise InvalidRequest(f"storage key {key!r} is, or lies below, another key", param="key")
        if target.exists():
            raise BlobExists(f"blob {key!r} exists already in {self._root}; it stays as it is")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self._root / ".lock").open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @contextmanager
    def _new_file(self) -> Iterator[BinaryIO]:
        """An empty file in `.incoming`, locked while its writer lives, gone afterwards."""
        self._incoming.mkdir(parents=True, exist_ok=True)
        path = self._incoming / uuid.uuid4().hex
        try:
            with self._locked():
                for leftover in self._incoming.iterdir():
                    remove_if_abandoned(leftover)
                file = path.open("xb")
                fcntl.flock(file, fcntl.LOCK_EX)
            with file:
                yield file
        finally:
            path.unlink(missing_ok=True)

    def _publish(self, info: BlobInfo, finished: Path, target: Path) -> None:
        self._refuse_taken(info.key, target)
        record = self._record(info.key)
        try:
            for folder in (target.parent, record.parent):
                folder.mkdir(parents=True, exist_ok=True)
            write_record(record, info)
            sync_folders(record.parent, self._root)
            os.link(finished, target)
            sync_folders(target.parent, self._root)
        except BaseException:
            if target.exists() and target.samefile(finished):
                remove_with_folders(target, self._root)
            remove_with_folders(record, self._records)
            raise

    def _stream(self, key: str, start: int, end: int | None) -> Iterator[bytes]:
        with translated_os_errors(f"read {key!r}"), self._path(key).open("rb") as file:
            file.seek(start)
            yield from chunks_from_file(file, None if end is None else end - start)
