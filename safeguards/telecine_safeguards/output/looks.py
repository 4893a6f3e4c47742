"""All checks that need models, each in a process: those that ship with Telecine, and plug-ins that
look or listen.

The processes outlive a change of the registry: what they report does not depend on it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from telecine_safeguards import policy
from telecine_safeguards.errors import PolicyError
from telecine_safeguards.output.hearing import Ear
from telecine_safeguards.output.process import CheckProcess, Limits, own_command
from telecine_safeguards.output.sample import Sample
from telecine_safeguards.output.sightings import Sighting
from telecine_safeguards.output.sounds import Heard

OWN_CHECKS: Final = (policy.NUDITY, policy.TEXT, policy.FACES)
_PLUGIN_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,30}")


class Looks:
    """The running processes. Not for two threads at once."""

    def __init__(
        self,
        checks: Sequence[str],
        plugins: Mapping[str, Sequence[str]],
        limits: Limits,
        sound_plugins: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Start them; both kinds of plug-ins map names to commands. Raises CheckFailed."""
        own = [CheckProcess(checks, own_command(checks), limits)] if checks else []
        others = [CheckProcess((name,), command, limits) for name, command in plugins.items()]
        self.processes = (*own, *others)
        self._ears = [Ear(name, command, limits) for name, command in (sound_plugins or {}).items()]

    def look(self, sample: Sample) -> list[tuple[str, tuple[Sighting, ...]]]:
        """What each check saw. Raises CheckFailed as soon as one has no answer."""
        return [
            (check, process.look(check, sample))
            for process in self.processes
            for check in process.checks
        ]

    def hear(self, file: Path) -> list[tuple[str, tuple[Heard, ...]]]:
        """What each listener heard in the clip's sound track; empty only where nobody listens.

        Raises CheckFailed as soon as one has no answer.
        """
        return [(ear.name, ear.hear(file)) for ear in self._ears]

    def close(self) -> None:
        for process in self.processes:
            process.close()
        for ear in self._ears:
            ear.close()


def checks_from_words(words: str) -> tuple[str, ...]:
    """Read `nudity,text,faces`. Raises PolicyError."""
    checks = tuple(word.strip() for word in words.split(",") if word.strip())
    if unknown := sorted(set(checks) - set(OWN_CHECKS)):
        raise PolicyError(f"there are no checks {unknown}; use some of {', '.join(OWN_CHECKS)}")
    return tuple(check for check in OWN_CHECKS if check in checks)


def plugins_from_words(words: str) -> dict[str, tuple[str, ...]]:
    """Read `logo=/opt/logo/run --fast; voice=/opt/voice`. Raises PolicyError."""
    plugins: dict[str, tuple[str, ...]] = {}
    for part in (part.strip() for part in words.split(";") if part.strip()):
        name, _, command = part.partition("=")
        is_taken = name in plugins or name in OWN_CHECKS
        if not _PLUGIN_NAME.fullmatch(name) or not command.strip() or is_taken:
            raise PolicyError(
                f"plug-in {part!r:.80}: write name=command, with a name of its own in small"
                " letters, and a semicolon between two"
            )
        plugins[name] = tuple(shlex.split(command))
    return plugins
