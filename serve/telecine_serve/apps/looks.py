"""The checks with models that the settings ask for, as running processes."""

from __future__ import annotations

from telecine_platform.errors import SettingsError
from telecine_platform.settings import Settings
from telecine_safeguards.errors import SafeguardError
from telecine_safeguards.output.looks import Looks, checks_from_words, plugins_from_words
from telecine_safeguards.output.process import Limits


def new_looks(settings: Settings) -> Looks:
    """Start them; who asks closes them. Raises `SettingsError`."""
    limits = Limits(
        timeout_s=settings.check_timeout_s,
        start_s=settings.check_start_s,
        memory_bytes=int(settings.check_memory_gib * 1024**3),
    )
    try:
        checks = checks_from_words(settings.moderation_checks)
        return Looks(checks, plugins_from_words(settings.moderation_plugins), limits)
    except SafeguardError as error:
        raise SettingsError(f"moderation: {error}") from error
