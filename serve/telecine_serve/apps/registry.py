"""The rights registry as a replica follows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from telecine_platform.jobs.database import Database
from telecine_platform.rights.follow import Following
from telecine_platform.rights.open import open_rights
from telecine_platform.settings import Settings
from telecine_safeguards.registry.entities import Registry

T = TypeVar("T")


def following(
    settings: Settings, database: Database, build: Callable[[Registry], T]
) -> Following[T]:
    """Build from the registry in force, and again after each change, until `close`."""
    found = Following(open_rights(settings, database), build)
    found.start()
    return found
