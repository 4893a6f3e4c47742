"""Checks of frames that give a fixed answer, and verdicts' circumstances for tests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from telecine_safeguards.output.sample import Sample
from telecine_safeguards.output.sightings import Sighting
from telecine_safeguards.output.sounds import Heard
from telecine_safeguards.policy_rules import Circumstances

ASKED = Circumstances(
    tenant_id="acme", region="", use="video", now=datetime(2026, 11, 22, tzinfo=UTC)
)


class FakeLooks:
    """Says what it was told to, or raises it."""

    def __init__(self, answer: Sequence[tuple[str, tuple[Sighting, ...]]] | Exception = ()) -> None:
        self.answer = answer

    def look(self, sample: Sample) -> Sequence[tuple[str, tuple[Sighting, ...]]]:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def hear(self, file: Path) -> Sequence[tuple[str, tuple[Heard, ...]]]:
        return ()
