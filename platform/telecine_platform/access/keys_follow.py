"""The keys as the file has them now: a running API takes a change within seconds.

Invariant: there are always keys. A file that breaks later keeps the old ones, and says so.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

from telecine_platform.access.keys import ApiKeys
from telecine_platform.access.keys_file import read_keys
from telecine_platform.errors import SettingsError

logger = logging.getLogger(__name__)

CHECK_S = 1.0
"""How often the file's date is looked at: one call that reads no data."""
_Stamp = tuple[int, int, int] | None


class FollowedKeys:
    """`current` looks whether the file has changed, now and then."""

    def __init__(self, file: Path, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        """Raises `SettingsError` for a file that cannot be used: there is nothing older yet."""
        self._file = file
        self._monotonic_s = monotonic_s
        self._checked_s = monotonic_s()
        self._stamp = _stamp(file)
        self._keys = read_keys(file)
        self.problem: str | None = None
        """Why the old keys serve on; None while the file is good."""

    def current(self) -> ApiKeys:
        """The newest keys that could be read; never raises."""
        if self._monotonic_s() - self._checked_s >= CHECK_S:
            self._checked_s = self._monotonic_s()
            stamp = _stamp(self._file)
            if stamp != self._stamp:
                self._stamp = stamp
                self._load()
        return self._keys

    def _load(self) -> None:
        try:
            self._keys, self.problem = read_keys(self._file), None
            logger.info("keys", extra={"action": "keys_loaded", "num_keys": len(self._keys.keys)})
        except SettingsError as error:
            self.problem = f"the old keys serve on: {error}"
            logger.error(self.problem, extra={"action": "keys_kept"})


def _stamp(file: Path) -> _Stamp:
    """Changes with the file, also when a mounted secret's link is turned to another folder."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
