"""Adapters of a bucket, fetched when they are first asked for and kept on this node's disk.

Ranks of all gangs of a node share the folder. Invariant: what is handed out is whole, verified and
not deleted before it is given back.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from telecine_serve.models.fetch import fetch_folder, lock_file

ADAPTER_FILE = "transformer.safetensors"
"""That every adapter has."""


class AdapterCache:
    """The latest used adapters of `source_url`, each a folder there, below `folder`."""

    def __init__(
        self,
        source_url: str,
        s3_endpoint_url: str | None,
        folder: Path,
        *,
        max_adapters: int,
        max_adapter_bytes: int,
        check: Callable[[Path], object] = lambda _: None,
    ) -> None:
        """`check` is asked whether a folder may be used, and raises if not."""
        self._source_url = source_url.rstrip("/")
        self._s3_endpoint_url = s3_endpoint_url
        self._folder = folder
        self._max_adapters = max_adapters
        self._max_adapter_bytes = max_adapter_bytes
        self._check = check

    @contextmanager
    def at_hand(self, name: str, beat: Callable[[], None] = lambda: None) -> Iterator[Path]:
        """The folder of an adapter, which stays while the block runs; `beat` as in `fetch_folder`.

        Raises ModelError for one that is not there, damaged or too large, StorageUnavailable.
        """
        folder = self._folder / name
        while True:
            is_new = fetch_folder(
                f"{self._source_url}/{name}",
                self._s3_endpoint_url,
                folder,
                needed=ADAPTER_FILE,
                max_bytes=self._max_adapter_bytes,
                beat=beat,
            )
            with lock_file(folder).open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH)
                if not (folder / ADAPTER_FILE).is_file():
                    continue  # another rank has just made room for its own
                os.utime(folder)
                if is_new:
                    self._drop_oldest()
                self._check(folder)
                yield folder
                return

    def _drop_oldest(self) -> None:
        """But for those that somebody loads now."""
        for folder in _by_use(self._folder)[self._max_adapters :]:
            with lock_file(folder).open("w") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}~", dir=self._folder))
                if folder.is_dir():  # else another rank was faster
                    folder.rename(aside / "dropped")
                shutil.rmtree(aside)


def _by_use(folder: Path) -> list[Path]:
    """The adapters in `folder`, the latest used first."""
    used_at_s: dict[Path, float] = {}
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        try:
            used_at_s[path] = path.stat().st_mtime
        except FileNotFoundError:  # another rank has just dropped it
            continue
    return sorted(used_at_s, key=lambda path: used_at_s[path], reverse=True)
