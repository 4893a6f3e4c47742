"""Copies a model to where a node's gangs load it from: whole and verified, or not at all."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

from telecine_platform.errors import ModelError, SettingsError
from telecine_platform.storage.open import open_store
from telecine_serve.models.checksums import check_checksums

_INDEX = "model_index.json"


def fetch_model(source_url: str, s3_endpoint_url: str | None, folder: Path) -> bool:
    """Copy `file:///models/name` or `s3://bucket/models/name` into `folder`.

    Returns False when the model is there already. Pods of one node, or of one shared disk, wait for
    each other. Raises `ModelError` for a source without a model and for weights that its
    `SHA256SUMS` does not vouch for.
    """
    if (folder / _INDEX).is_file():
        return False
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / _INDEX).is_file():
            return False
        if folder.exists():
            raise ModelError(f"{folder} is there but holds no {_INDEX}: move it away")
        unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            _copy(source_url, s3_endpoint_url, unfinished)
            check_checksums(unfinished, sorted(unfinished.rglob("*.safetensors")))
            unfinished.chmod(0o755)
            unfinished.rename(folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return True


def _copy(source_url: str, s3_endpoint_url: str | None, target: Path) -> None:
    if source_url.startswith("file:///"):
        folder = Path(unquote(urlsplit(source_url).path))
        _check_index(source_url, is_there=(folder / _INDEX).is_file())
        shutil.copytree(folder, target, dirs_exist_ok=True)
    else:
        _copy_from_bucket(source_url, s3_endpoint_url, target)


def _copy_from_bucket(source_url: str, s3_endpoint_url: str | None, target: Path) -> None:
    """Objects as any tool uploads them: without the hashes that Telecine's own blobs carry."""
    parent_url, _, name = source_url.rstrip("/").rpartition("/")
    if not source_url.startswith("s3://") or not name or parent_url == "s3:/":
        raise SettingsError(
            f"the model's source {source_url!r} must be s3://bucket/models/name or file:///folder"
        )
    source = open_store(parent_url, s3_endpoint_url)
    names = [key.removeprefix(f"{name}/") for key in source.keys(name)]
    _check_index(source_url, is_there=_INDEX in names)
    for relative in names:
        path = target / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.writelines(source.read(f"{name}/{relative}"))


def _check_index(source_url: str, *, is_there: bool) -> None:
    if not is_there:
        raise ModelError(f"no {_INDEX} in {source_url}: it has to be diffusers' folder format")
