"""Which keys a home accepts: plain names joined by `/`, so that no key can leave its root.

Invariant: every key passes through here before it touches a folder or a bucket. A segment never
starts with a dot: `..` cannot be written, and the homes keep their own dot names to themselves.
"""

from __future__ import annotations

import re

from telecine_platform.errors import InvalidRequest
from telecine_platform.storage.store import RESULTS

_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}")
_MAX_KEY_CHARS = 800
"""S3 allows 1,024 bytes, the bucket's prefix included."""
_MAX_EXPIRES_S = 7 * 24 * 3600
"""AWS signature version 4 allows no longer URL."""


def checked_key(key: str) -> str:
    """Return the key, or refuse it with `InvalidRequest` if it is not plain names joined by `/`."""
    is_plain = all(_SEGMENT.fullmatch(segment) for segment in key.split("/"))
    if not is_plain or len(key) > _MAX_KEY_CHARS:
        raise InvalidRequest(
            f"storage key {key[:100]!r} is refused: use names of A-Z a-z 0-9 . _ - joined by '/', "
            f"none starting with '.', at most {_MAX_KEY_CHARS} characters",
            param="key",
        )
    return key


def check_url_request(key: str, expires_s: int, filename: str) -> None:
    """Refuse a URL for anything unreleased, for longer than 7 days, or with an odd file name
    (it goes into an HTTP header)."""
    if not checked_key(key).startswith(f"{RESULTS}/"):
        raise InvalidRequest(
            f"no URL is made for {key!r}: only keys below '{RESULTS}/' are released", param="key"
        )
    if not 1 <= expires_s <= _MAX_EXPIRES_S:
        raise InvalidRequest(
            f"expires_s is {expires_s}: use 1 to {_MAX_EXPIRES_S} seconds", param="expires_s"
        )
    if not _SEGMENT.fullmatch(filename):
        raise InvalidRequest(
            f"file name {filename[:100]!r} is refused: use A-Z a-z 0-9 . _ -", param="filename"
        )


def check_range(start: int, end: int | None) -> None:
    """Refuse a byte range that starts before 0 or ends before it starts."""
    if start < 0 or (end is not None and end < start):
        raise InvalidRequest(f"byte range {start} to {end} is refused: 0 <= start <= end")
