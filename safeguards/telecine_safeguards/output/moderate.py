"""The output checkpoint: every check on the sampled frames, one verdict.

Invariant: `moderate` always returns a verdict, and allows only when every check has answered.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from telecine_safeguards import policy as words
from telecine_safeguards.errors import SafeguardError
from telecine_safeguards.output.explain import output_verdict
from telecine_safeguards.output.known import Known
from telecine_safeguards.output.sample import Sample, sample_clip
from telecine_safeguards.output.sightings import Sighting
from telecine_safeguards.output.sound_track import has_sound
from telecine_safeguards.output.sounds import Heard
from telecine_safeguards.policy_file import default_policy
from telecine_safeguards.policy_rules import (
    Circumstances,
    Decision,
    Granted,
    Policy,
    Seen,
    decide_each,
)
from telecine_safeguards.registry.entities import Grant, Registry
from telecine_safeguards.verdict import Checkpoint, Verdict

logger = logging.getLogger(__name__)


class Looking(Protocol):
    """The checks that need models."""

    def look(self, sample: Sample) -> Sequence[tuple[str, tuple[Sighting, ...]]]:
        """What each check saw; an exception of any kind means "no answer" and blocks."""

    def hear(self, file: Path) -> Sequence[tuple[str, tuple[Heard, ...]]]:
        """What each check heard in the file; likewise. Empty: there is none that listens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moderated:
    """A verdict with what it rests on."""

    verdict: Verdict
    decisions: tuple[Decision, ...] = ()
    """The hardest first; none where a check gave no answer."""
    frame_numbers: tuple[int, ...] = ()
    """The frames that were looked at."""
    heard: tuple[Seen, ...] = ()
    """What is in the sound, which covering a part of the picture does not change."""


class OutputModeration:
    """Moderates clips under one registry and one policy."""

    def __init__(
        self, registry: Registry, looks: Looking | None, policy: Policy | None = None
    ) -> None:
        """Raises SafeguardError without checks: it would release everything."""
        if looks is None:
            raise SafeguardError("moderation needs its checks; pass Looks(...)")
        self._known = Known(registry)
        self._looks = looks
        self._rules = default_policy() if policy is None else policy
        by_entity: dict[str, list[Grant]] = {}
        for grant in registry.grants:
            by_entity.setdefault(grant.entity_id, []).append(grant)
        self._granted = Granted(by_entity=by_entity)

    def moderate(
        self, frames_THWC: npt.NDArray[np.uint8], fps: int, circumstances: Circumstances
    ) -> Verdict:
        """Decide about one clip of uint8 RGB frames; a clip that is not that is blocked."""
        return self.examine(frames_THWC, fps, circumstances).verdict

    def examine(
        self,
        frames_THWC: npt.NDArray[np.uint8],
        fps: int,
        circumstances: Circumstances,
        *,
        file: Path | None = None,
        first_look: Moderated | None = None,
    ) -> Moderated:
        """Decide, and say what was seen where.

        `file` is the clip's, for its sound; None: it is a picture. After a `first_look` twice as
        many frames are looked at, and what was heard then is not listened to again.
        """
        step = "sample"
        try:
            sample = sample_clip(frames_THWC, fps, is_second_look=first_look is not None)
            step = words.FINGERPRINT
            seen = self._known.copied(sample, circumstances)
            step = "looks"
            for check, sightings in self._looks.look(sample):
                step = check
                seen += self._known.recognised(check, sightings, circumstances)
            step = "sound"
            heard = () if first_look is None else first_look.heard
            if first_look is None and file is not None and has_sound(file):
                step = "looks"
                answers = self._looks.hear(file)
                step = "sound"
                heard = tuple(self._known.heard(answers, circumstances))
            seen += heard
            step = "policy"
            rules = Policy(version=self._rules.version, rules=self._rules.output_rules)
            decisions = decide_each(
                seen, policy=rules, granted=self._granted, circumstances=circumstances
            )
            return Moderated(
                verdict=output_verdict(decisions, self._known.version),
                decisions=tuple(decisions),
                frame_numbers=sample.frame_numbers,
                heard=heard,
            )
        except Exception as error:  # the edge of the safeguard: whatever it is, fail closed
            named = str(error).partition(":")[0] if step == "looks" else step
            logger.exception("check failed", extra={"action": "check_failed", "check": named})
            verdict = words.check_failed(
                named, checkpoint=Checkpoint.OUTPUT, registry_version=self._known.version
            )
            return Moderated(verdict=verdict)
