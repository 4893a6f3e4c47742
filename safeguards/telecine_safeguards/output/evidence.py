"""What is kept of a clip that a check found something in: frames, boxes, sounds, scores. Pure.

No prompt is in it, and no face's numbers: a person who may see the frames needs neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from telecine_safeguards import policy
from telecine_safeguards.output.moderate import Moderated
from telecine_safeguards.output.sightings import Box
from telecine_safeguards.verdict import Action

MAX_FRAMES: Final = 8
MAX_SIGHTINGS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One thing in one frame, and what was decided about it."""

    check: str
    entity_id: str | None
    action: Action
    rule: str
    frame: int
    box: Box | None
    """None: the whole frame."""
    score: float
    label: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardThing:
    """One thing in the sound, and what was decided about it."""

    check: str
    entity_id: str | None
    action: Action
    rule: str
    start_s: float
    end_s: float
    score: float
    label: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Of one moderation."""

    frame_numbers: tuple[int, ...]
    """The frames to keep, ascending."""
    shown: tuple[Shown, ...]
    """The hardest decision first."""
    heard: tuple[HeardThing, ...] = ()
    """Likewise."""
    is_about_sound: bool = False
    """Whether the sound has to be kept; it is also where nothing has listened."""


def evidence_from_rounds(rounds: Sequence[Moderated]) -> Evidence | None:
    """What kept the clip, or was covered in it; None: nothing was found that mattered."""
    decided = [
        decision
        for moderated in rounds
        for decision in moderated.decisions
        if decision.action is not Action.ALLOW
    ]
    shown = [
        Shown(
            check=decision.seen.finding.check,
            entity_id=decision.seen.finding.entity_id,
            action=decision.action,
            rule=decision.rule,
            frame=sighting.frame,
            box=sighting.box,
            score=sighting.score,
            label=sighting.label,
            text=sighting.text,
        )
        for decision in decided
        for sighting in decision.seen.sightings
    ]
    heard = [
        HeardThing(
            check=decision.seen.finding.check,
            entity_id=decision.seen.finding.entity_id,
            action=decision.action,
            rule=decision.rule,
            start_s=sound.start_s,
            end_s=sound.end_s,
            score=sound.score,
            label=sound.label,
            text=sound.text,
        )
        for decision in decided
        for sound in decision.seen.sounds
    ]
    is_about_sound = any(each.seen.finding.check in policy.OF_SOUND for each in decided)
    if not shown and not is_about_sound:
        return None
    surest_first = sorted(range(len(shown)), key=lambda index: (-shown[index].score, index))
    frames = list(dict.fromkeys(shown[index].frame for index in surest_first))
    return Evidence(
        frame_numbers=tuple(sorted(frames[:MAX_FRAMES])),
        shown=tuple(shown[:MAX_SIGHTINGS]),
        heard=tuple(heard[:MAX_SIGHTINGS]),
        is_about_sound=is_about_sound,
    )
