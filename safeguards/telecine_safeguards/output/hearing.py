"""Asks a plug-in that listens about all of a clip's sound, in a process of its own.

Invariant: it gives a whole answer or raises CheckFailed; part of the sound unheard is no answer.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from telecine_safeguards.output.process import CheckProcess, Limits
from telecine_safeguards.output.sound_track import RATE_HZ, SoundPart, parts_from_file
from telecine_safeguards.output.sounds import Heard, sounds_from_answer


class Ear:
    """One plug-in. Not for two threads at once."""

    def __init__(self, name: str, command: Sequence[str], limits: Limits) -> None:
        """Start the process. Raises CheckFailed."""
        self.name = name
        self.process = CheckProcess((name,), command, limits)
        self._timeout_s = limits.timeout_s

    def hear(self, file: Path) -> tuple[Heard, ...]:
        """What it hears in the file's sound track. Raises CheckFailed."""
        heard: list[Heard] = []
        with (
            self.process.ended_on_failure(self.name),
            tempfile.TemporaryDirectory(prefix="telecine-hear-") as folder,
        ):
            for part in parts_from_file(file):
                heard += self._hear_part(part, Path(folder) / "samples.npy")
        return tuple(heard)

    def _hear_part(self, part: SoundPart, file: Path) -> tuple[Heard, ...]:
        np.save(file, part.samples, allow_pickle=False)
        request = {
            "check": self.name,
            "samples": str(file),
            "rate_hz": RATE_HZ,
            "starts_at_s": part.starts_at_s,
            "channel": part.channel,
            "timeout_s": self._timeout_s,
        }
        line = self.process.ask(self.name, request)
        return sounds_from_answer(
            line, check=self.name, starts_at_s=part.starts_at_s, ends_at_s=part.ends_at_s
        )

    def close(self) -> None:
        self.process.close()
