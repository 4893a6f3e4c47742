"""Looks at a clip, covers what the policy wants covered, and looks again; a few times at most.

What moves otherwise than its track says would show between the looks: so the second look is at
frames in between as well.

Invariant: what is allowed is the frames that were looked at last. A finding that cannot be covered
because nobody knows where in the frame it is, or that fills most of the frame, blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from telecine_safeguards import policy
from telecine_safeguards.output.faces import frames_with_faces
from telecine_safeguards.output.mask import Frames, covered, most_covered
from telecine_safeguards.output.moderate import Moderated, OutputModeration
from telecine_safeguards.output.text import frames_to_read
from telecine_safeguards.output.tracks import BoxesByFrame, boxes_by_frame
from telecine_safeguards.policy_rules import Circumstances, Decision
from telecine_safeguards.verdict import Action, Verdict

MAX_MASKS: Final = 2
"""How often a clip is covered before what still shows blocks it."""
MAX_COVERED_SHARE: Final = 0.6
"""Of a frame; more is no longer the clip that was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Masked:
    """A clip after its moderation."""

    frames_THWC: Frames
    """What may be released, if the verdict allows it."""
    verdict: Verdict
    rounds: tuple[Moderated, ...]
    """What was seen in the clip as it came, then after each covering."""


def moderate_and_mask(
    moderation: OutputModeration,
    frames_THWC: Frames,
    fps: int,
    circumstances: Circumstances,
    file: Path | None,
) -> Masked:
    """Decide about one clip of uint8 RGB frames, and about the sound of its file; None: no file.

    The verdict is never MASK.
    """
    moderated = moderation.examine(frames_THWC, fps, circumstances, file=file)
    rounds = [moderated]
    while moderated.verdict.action is Action.MASK:
        boxes = _boxes(moderated, frames_THWC)
        if len(rounds) > MAX_MASKS or boxes is None:
            return Masked(
                frames_THWC=frames_THWC, verdict=_not_masked(moderated), rounds=tuple(rounds)
            )
        for mask_by, by_frame in boxes.items():
            frames_THWC = covered(frames_THWC, by_frame, mask_by)
        moderated = moderation.examine(frames_THWC, fps, circumstances, first_look=moderated)
        rounds.append(moderated)
    verdict = _with_masks(moderated.verdict, rounds[:-1])
    return Masked(frames_THWC=frames_THWC, verdict=verdict, rounds=tuple(rounds))


def _boxes(moderated: Moderated, frames_THWC: Frames) -> dict[str, BoxesByFrame] | None:
    """What to cover in each frame, by the way of covering; None: it cannot be."""
    num_frames, height_px, width_px, _ = frames_THWC.shape
    size = {"num_frames": num_frames, "height_px": height_px, "width_px": width_px}
    masks = [each for each in moderated.decisions if each.action is Action.MASK]
    by_way: dict[str, BoxesByFrame] = {}
    for group in _groups(masks):
        check = group[0].seen.finding.check
        sightings = [each for decision in group for each in decision.seen.sightings]
        looked_at = _looked_at(check, moderated.frame_numbers)
        boxes = boxes_by_frame(sightings, looked_at, **size)
        if not any(boxes):
            return None
        known = by_way.setdefault(group[0].mask_by, [[] for _ in range(num_frames)])
        for frame, in_frame in enumerate(boxes):
            known[frame] += in_frame
    together = [
        [box for boxes in by_way.values() for box in boxes[frame]] for frame in range(num_frames)
    ]
    if most_covered(together, height_px, width_px) > MAX_COVERED_SHARE:
        return None
    return by_way


def _groups(decisions: Sequence[Decision]) -> list[list[Decision]]:
    """By check and entity: a model may see that it is there in one frame, and where in another."""
    groups: dict[tuple[str, str | None], list[Decision]] = {}
    for each in decisions:
        finding = each.seen.finding
        groups.setdefault((finding.check, finding.entity_id), []).append(each)
    return list(groups.values())


def _looked_at(check: str, frame_numbers: Sequence[int]) -> list[int]:
    """The frames in which a check looked; a plug-in is taken to look at all that it was given."""
    match check:
        case policy.TEXT:
            positions: Sequence[int] = frames_to_read(len(frame_numbers))
        case policy.FACES | policy.ANY_FACE:
            positions = frames_with_faces(len(frame_numbers))
        case _:
            positions = range(len(frame_numbers))
    return [frame_numbers[position] for position in positions]


def _not_masked(moderated: Moderated) -> Verdict:
    message = "The clip shows what cannot be covered, and is not released. Change the prompt."
    return replace(moderated.verdict, action=Action.BLOCK, message=message)


def _with_masks(verdict: Verdict, rounds: Sequence[Moderated]) -> Verdict:
    """What was covered stays on the verdict; an allow says that it was."""
    if not rounds or verdict.rule == policy.CHECK_FAILED:
        return verdict
    covered_findings = tuple(
        each.seen.finding
        for moderated in rounds
        for each in moderated.decisions
        if each.action is Action.MASK
    )
    verdict = replace(verdict, findings=(*verdict.findings, *covered_findings))
    if verdict.action is not Action.ALLOW:
        return verdict
    return replace(
        verdict,
        rule=rounds[-1].verdict.rule,
        reason_code=policy.MASKED,
        message="Parts of the clip were covered before its release: " + rounds[0].verdict.message,
    )
