"""Copies a model or an adapter to where a node's gangs load it from: whole and verified, or not at
all.
"""

from __future__ import annotations

import fcntl
import glob
import math
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from telecine_platform.errors import ModelError, SettingsError
from telecine_platform.storage.keys import checked_key
from telecine_platform.storage.open import open_store
from telecine_serve.models.checksums import check_checksums

_INDEX = "model_index.json"
_WAIT_S = 0.2


def fetch_model(source_url: str, s3_endpoint_url: str | None, folder: Path) -> bool:
    """Copy `file:///models/name` or `s3://bucket/models/name` into `folder`; as `fetch_folder`."""
    return fetch_folder(source_url, s3_endpoint_url, folder, needed=_INDEX)


def fetch_folder(
    source_url: str,
    s3_endpoint_url: str | None,
    folder: Path,
    *,
    needed: str,
    max_bytes: float = math.inf,
    beat: Callable[[], None] = lambda: None,
) -> bool:
    """Copy all of a folder that has to have the file `needed`, of at most `max_bytes`.

    Returns False when it is there already. Pods of one node, or of one shared disk, wait for each
    other; `beat` is called while it waits or copies. Raises `ModelError` for a source without that
    file or too large, and for weights that its `SHA256SUMS` does not vouch for.
    """
    if (folder / needed).is_file():
        return False
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _only_one(lock_file(folder), beat):
        if (folder / needed).is_file():
            return False
        if folder.exists():
            raise ModelError(f"{folder} is there but holds no {needed}: move it away")
        for abandoned in folder.parent.glob(f".{glob.escape(folder.name)}~*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}~", dir=folder.parent))
        try:
            _Copy(source_url, needed, max_bytes, beat).to(unfinished, s3_endpoint_url)
            check_checksums(unfinished, sorted(unfinished.rglob("*.safetensors")))
            unfinished.chmod(0o755)
            unfinished.rename(folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return True


def lock_file(folder: Path) -> Path:
    """Who fetches `folder` has it locked for others."""
    return folder.parent / f".{folder.name}.lock"


class _Copy:
    """Of one source's files."""

    def __init__(
        self, source_url: str, needed: str, max_bytes: float, beat: Callable[[], None]
    ) -> None:
        self._url = source_url.rstrip("/")
        self._needed = needed
        self._max_bytes = max_bytes
        self._left_bytes = max_bytes
        self._beat = beat

    def to(self, target: Path, s3_endpoint_url: str | None) -> None:
        if self._url.startswith("file:///"):
            self._from_folder(Path(unquote(urlsplit(self._url).path)), target)
        else:
            self._from_bucket(s3_endpoint_url, target)

    def _from_folder(self, source: Path, target: Path) -> None:
        self._check_needed(is_there=(source / self._needed).is_file())
        self._count(sum(path.stat().st_size for path in source.rglob("*") if path.is_file()))
        shutil.copytree(source, target, dirs_exist_ok=True)

    def _from_bucket(self, s3_endpoint_url: str | None, target: Path) -> None:
        """Objects as any tool uploads them: without the hashes that Telecine's own blobs carry."""
        parent_url, _, name = self._url.rpartition("/")
        if not self._url.startswith("s3://") or not name or parent_url == "s3:/":
            raise SettingsError(
                f"the source {self._url!r} must be s3://bucket/folder/name or file:///folder"
            )
        source = open_store(parent_url, s3_endpoint_url)
        names = [key.removeprefix(f"{name}/") for key in source.keys(name)]
        self._check_needed(is_there=self._needed in names)
        for relative in names:
            path = target / checked_key(relative)
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                for chunk in source.read(f"{name}/{relative}"):
                    self._count(len(chunk))
                    file.write(chunk)

    def _count(self, num_bytes: int) -> None:
        self._beat()
        self._left_bytes -= num_bytes
        if self._left_bytes < 0:
            raise ModelError(f"{self._url} is larger than the {self._max_bytes:.0f} bytes allowed")

    def _check_needed(self, *, is_there: bool) -> None:
        if not is_there:
            raise ModelError(f"no {self._needed} in {self._url}: name the folder that holds it")


@contextmanager
def _only_one(lock: Path, beat: Callable[[], None]) -> Iterator[None]:
    """Asked again and again, as a wait for the lock could not beat."""
    with lock.open("w") as file:
        while not _is_taken(file.fileno()):
            beat()
            time.sleep(_WAIT_S)
        yield


def _is_taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
