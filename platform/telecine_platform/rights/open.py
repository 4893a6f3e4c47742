"""Settings -> a rights store that is ready: its tables made, its first version filled in."""

from __future__ import annotations

from pathlib import Path

from telecine_platform.clock import utc_now
from telecine_platform.errors import SettingsError
from telecine_platform.jobs.database import Database
from telecine_platform.rights.store import RightsStore
from telecine_platform.settings import Settings
from telecine_safeguards.errors import RegistryError
from telecine_safeguards.registry.entities import Registry
from telecine_safeguards.registry.load import load_registry, starter_registry


def open_rights(settings: Settings, database: Database) -> RightsStore:
    """Open the store; an empty one takes the operator's file, or the starter registry."""
    rights = RightsStore(database)
    rights.create_tables(lambda: first_registry(settings.registry_file), utc_now())
    return rights


def first_registry(file: Path | None) -> Registry:
    """What an empty store begins with. Raises `SettingsError` for a file that cannot be used."""
    try:
        return starter_registry() if file is None else load_registry(file)
    except RegistryError as error:
        raise SettingsError(f"registry_file: {error}") from error
