"""Keeps what was built from the registry as new as the registry, without a restart.

Invariant: there is always something to work with. The old one serves until the new one is ready,
and stays when the new registry cannot be loaded or used.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from telecine_platform.clock import utc_now
from telecine_platform.rights.store import RightsStore
from telecine_safeguards.registry.entities import Registry

logger = logging.getLogger(__name__)

CHECK_S = 2.0
"""How often the version is asked for: one query that reads one row."""
T = TypeVar("T")


def is_due(checked_at: datetime | None, now: datetime) -> bool:
    """Whether it is time to ask again."""
    return checked_at is None or now - checked_at >= timedelta(seconds=CHECK_S)


class Following(Generic[T]):
    """`current` is what `build` made of the newest registry that could be used."""

    def __init__(
        self,
        rights: RightsStore,
        build: Callable[[Registry], T],
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """Load and build at once; an error is raised, as there is nothing older to fall back on."""
        self._rights = rights
        self._build = build
        self._clock = clock
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._checked_at: datetime | None = clock()
        registry = rights.load()
        self.current = build(registry)
        self.version = registry.version
        """The registry version that `current` was built from."""

    def refresh(self) -> None:
        """Look whether there is a newer version, if it is time, and build it; never raises.

        One thread builds; others that come meanwhile go on with the old one.
        """
        if not is_due(self._checked_at, self._clock()) or not self._lock.acquire(blocking=False):
            return
        try:
            self._checked_at = self._clock()
            version = self._rights.current_version()
            if version == self.version:
                return
            registry = self._rights.load()
            self.current, self.version = self._build(registry), registry.version
            logger.info("registry", extra={"action": "registry_loaded", "version": self.version})
        except Exception as error:  # the follower's edge: what serves must go on serving
            logger.error(
                "registry kept",
                extra={"action": "registry_kept", "version": self.version}
                | {"error_type": type(error).__name__},
            )
        finally:
            self._lock.release()

    def start(self) -> None:
        """Refresh from a thread of its own until `close`, so that no job waits for a build."""
        self._thread = threading.Thread(target=self._follow, name="registry", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _follow(self) -> None:
        while not self._ended.wait(CHECK_S / 4):
            self.refresh()
