"""HTTP byte ranges (RFC 9110, section 14) as pure rules."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ONE_RANGE = re.compile(r"bytes\s*=\s*([0-9]{0,18})\s*-\s*([0-9]{0,18})\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ByteRange:
    """Bytes `start` to `end`, `end` excluded. It is satisfiable unless it is empty."""

    start: int
    end: int

    @property
    def is_satisfiable(self) -> bool:
        return self.start < self.end


def range_from_header(header: str | None, size_bytes: int) -> ByteRange | None:
    """The range asked for, or None where the whole is to be sent.

    As the RFC allows, a header with another unit, a mistake or several ranges is ignored.
    """
    match = _ONE_RANGE.fullmatch(header or "")
    if match is None or match.group(1) == match.group(2) == "":
        return None
    first, last = match.groups()
    if first == "":
        return ByteRange(start=max(0, size_bytes - int(last)), end=size_bytes)
    if last == "":
        return ByteRange(start=int(first), end=size_bytes)
    if int(last) < int(first):
        return None
    return ByteRange(start=int(first), end=min(int(last) + 1, size_bytes))


def is_range_current(if_range: str | None, etag: str) -> bool:
    """Whether a part may be sent: `If-Range` is absent or names this very content.

    Clips carry no modification date, so a date never matches.
    """
    return if_range is None or if_range.strip() == etag


def is_unchanged(if_none_match: str | None, etag: str) -> bool:
    """Whether the caller has this content already."""
    if if_none_match is None:
        return False
    known = {item.strip().removeprefix("W/") for item in if_none_match.split(",")}
    return etag in known or "*" in known
