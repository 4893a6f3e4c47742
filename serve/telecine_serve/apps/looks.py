"""The checks in processes of their own that the settings ask for: for clips, and for prompts."""

from __future__ import annotations

from telecine_platform.errors import SettingsError
from telecine_platform.settings import Settings
from telecine_safeguards.errors import SafeguardError
from telecine_safeguards.output.looks import Looks, checks_from_words, plugins_from_words
from telecine_safeguards.output.process import Limits
from telecine_safeguards.prompt.judge import Judge


def new_looks(settings: Settings) -> Looks:
    """Start them; who asks closes them. Raises `SettingsError`."""
    try:
        checks = checks_from_words(settings.moderation_checks)
        plugins = plugins_from_words(settings.moderation_plugins)
        sound_plugins = plugins_from_words(settings.sound_plugins)
        return Looks(checks, plugins, _limits(settings), sound_plugins)
    except SafeguardError as error:
        raise SettingsError(f"moderation: {error}") from error


def new_judges(settings: Settings) -> tuple[Judge, ...]:
    """Start the prompts' plug-ins; who asks closes them. Raises `SettingsError`."""
    judges: list[Judge] = []
    try:
        for name, command in plugins_from_words(settings.screening_plugins).items():
            judges.append(Judge(name, command, _limits(settings)))
    except SafeguardError as error:
        for judge in judges:
            judge.close()
        raise SettingsError(f"screening_plugins: {error}") from error
    return tuple(judges)


def _limits(settings: Settings) -> Limits:
    return Limits(
        timeout_s=settings.check_timeout_s,
        start_s=settings.check_start_s,
        memory_bytes=int(settings.check_memory_gib * 1024**3),
    )
