"""Which rights registry a replica works with."""

from __future__ import annotations

from telecine_platform.settings import Settings
from telecine_safeguards.registry.entities import Registry
from telecine_safeguards.registry.load import load_registry, starter_registry


def registry_from_settings(settings: Settings) -> Registry:
    """The operator's registry, or the starter that ships with the code."""
    return (
        starter_registry()
        if settings.registry_file is None
        else load_registry(settings.registry_file)
    )
