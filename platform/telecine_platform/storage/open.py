"""From `TELECINE_STORAGE_URL` to a blob store. boto3 is loaded only for S3: it slows the start."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from telecine_platform.errors import InvalidRequest, SettingsError
from telecine_platform.storage.keys import checked_key
from telecine_platform.storage.local import LocalStore
from telecine_platform.storage.store import BlobStore

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def open_store(url: str, s3_endpoint_url: str | None) -> BlobStore:
    """Open `file:///folder` or `s3://bucket/prefix`. Raises `SettingsError` for anything else.

    Nothing is contacted: `check()` tells whether the home can be reached.
    """
    parts = urlsplit(url)
    if parts.query or parts.fragment or parts.username is not None:
        raise SettingsError("TELECINE_STORAGE_URL takes no '?', '#' or credentials")
    match parts.scheme:
        case "file":
            return LocalStore(_folder(parts))
        case "s3":
            _check_endpoint(s3_endpoint_url)
            return _open_s3(parts, s3_endpoint_url)
        case scheme:
            raise SettingsError(
                f"TELECINE_STORAGE_URL has the scheme {scheme!r}: "
                "use file:///folder or s3://bucket/prefix"
            )


def _folder(parts: SplitResult) -> Path:
    path = Path(unquote(parts.path))
    if parts.netloc not in ("", "localhost") or not path.is_absolute() or path == Path("/"):
        raise SettingsError(
            f"TELECINE_STORAGE_URL {parts.geturl()!r} names no local folder: "
            "use three slashes, as file:///var/lib/telecine"
        )
    return path


def _open_s3(parts: SplitResult, endpoint_url: str | None) -> BlobStore:
    prefix = unquote(parts.path).strip("/")
    if not _BUCKET.fullmatch(parts.netloc):
        raise SettingsError(f"TELECINE_STORAGE_URL: {parts.netloc!r} is no bucket name")
    try:
        prefix = checked_key(prefix) if prefix else ""
    except InvalidRequest as error:
        raise SettingsError(f"TELECINE_STORAGE_URL: {error}") from error
    from telecine_platform.storage.s3 import S3Store

    return S3Store(parts.netloc, prefix, endpoint_url)


def _check_endpoint(endpoint_url: str | None) -> None:
    if endpoint_url is None:
        return
    parts = urlsplit(endpoint_url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        # The URL is not repeated here: it may hold a password, and later messages name it.
        raise SettingsError(
            "TELECINE_S3_ENDPOINT_URL must be http(s)://host[:port] without credentials"
        )
