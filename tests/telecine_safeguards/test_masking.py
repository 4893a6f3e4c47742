"""What the policy wants covered is covered over its whole track, and looked at again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telecine_safeguards.output.evidence import MAX_FRAMES, evidence_from_rounds
from telecine_safeguards.output.mask import WAYS, covered, most_covered
from telecine_safeguards.output.masking import MAX_MASKS, Masked, moderate_and_mask
from telecine_safeguards.output.moderate import OutputModeration
from telecine_safeguards.output.sample import Sample
from telecine_safeguards.output.sightings import Box, Sighting
from telecine_safeguards.output.sounds import Heard
from telecine_safeguards.output.tracks import boxes_by_frame
from telecine_safeguards.policy_file import policy_from_yaml
from telecine_safeguards.verdict import Action
from tests.telecine_safeguards.fake_looks import ASKED, FakeLooks
from tests.telecine_safeguards.pictures import Picture, picture
from tests.telecine_safeguards.registries import entity, registry
from tests.telecine_safeguards.tones import tone, write_sound

NUM_FRAMES, HEIGHT_PX, WIDTH_PX = 25, 96, 128
SIDE_PX = 16
RED = (250, 5, 5)
CYAN = (5, 250, 250)
_THING = np.where((np.arange(SIDE_PX) % 4 // 2 == 1)[:, np.newaxis], CYAN, RED)
"""Stripes that begin red; their average is grey."""


def _left(frame: int) -> int:
    """Where the red square stands: it moves by two pixels a frame."""
    return 20 + 2 * frame


def _still(height_px: int, width_px: int, num_frames: int) -> Picture:
    """The same dark picture in every frame."""
    return np.asarray(
        np.stack([picture("waves", height_px, width_px, 3) // 2] * num_frames), np.uint8
    )


def _clip() -> Picture:
    """A striped square that comes in frame 4, moves right, and is gone after frame 19."""
    clip = _still(HEIGHT_PX, WIDTH_PX, NUM_FRAMES)
    for frame in range(4, 20):
        clip[frame, 40 : 40 + SIDE_PX, _left(frame) : _left(frame) + SIDE_PX] = _THING
    return clip


def _is_red(frame_HWC: Picture) -> npt.NDArray[np.bool_]:
    return np.asarray((frame_HWC[..., 0] > 200) & (frame_HWC[..., 1] < 60))


class RedLooks(FakeLooks):
    """A check that looks for red pixels, and says where they are."""

    def __init__(self, change: Callable[[Sighting], Sighting] = lambda seen: seen) -> None:
        super().__init__()
        self._change = change

    def look(self, sample: Sample) -> list[tuple[str, tuple[Sighting, ...]]]:
        seen = []
        for number, frame_HWC in zip(sample.frame_numbers, sample.frames_THWC, strict=True):
            rows, columns = np.nonzero(_is_red(frame_HWC))
            if len(rows):
                box = (
                    int(columns.min()),
                    int(rows.min()),
                    int(columns.max()) + 1,
                    int(rows.max()) + 1,
                )
                seen.append(Sighting(frame=number, score=0.9, label="red", box=box))
        return [("red", tuple(map(self._change, seen)))]


class StubbornLooks(RedLooks):
    """Sees the square wherever it is."""

    def look(self, sample: Sample) -> list[tuple[str, tuple[Sighting, ...]]]:
        box = (40, 40, 56, 56)
        seen = [
            Sighting(frame=number, score=0.9, label="red", box=box)
            for number in sample.frame_numbers
        ]
        return [("red", tuple(seen))]


def _masked(looks: RedLooks, mask_by: str = "blur", clip: Picture | None = None) -> Masked:
    rules = f"""
version: masks
rules: [{{name: all, action: block, reason_code: blocked}}]
output_rules:
  - {{name: red-covered, action: mask, mask_by: {mask_by}, reason_code: red, checks: [plugin]}}
"""
    policy = policy_from_yaml(rules.encode(), source="test")
    moderation = OutputModeration(registry(entity("Robo")), looks, policy)
    return moderate_and_mask(moderation, _clip() if clip is None else clip, 8, ASKED, None)


class HearingLooks(RedLooks):
    """Also hears a siren, and counts how often it is asked."""

    num_asked = 0

    def hear(self, file: Path) -> list[tuple[str, tuple[Heard, ...]]]:
        self.num_asked += 1
        return [("voice", (Heard(start_s=0.0, end_s=1.0, score=0.9, label="siren"),))]


def test_sound_of_a_clip_that_is_covered_is_listened_to_once(tmp_path: Path) -> None:
    rules = b"""
version: masks
rules: [{name: all, action: block, reason_code: blocked}]
output_rules:
  - {name: red-covered, action: mask, mask_by: blur, reason_code: red, checks: [plugin]}
  - {name: siren, action: allow, reason_code: siren, checks: [sound]}
"""
    looks = HearingLooks()
    policy = policy_from_yaml(rules, source="test")
    moderation = OutputModeration(registry(entity("Robo")), looks, policy)
    file = write_sound(tmp_path / "a.mp4", tone(440, 1))

    masked = moderate_and_mask(moderation, _clip(), 8, ASKED, file)

    assert looks.num_asked == 1
    assert masked.verdict.reason_code == "masked"
    assert len(masked.rounds) > 1
    for moderated in masked.rounds:
        assert "siren" in [decision.rule for decision in moderated.decisions]


@pytest.mark.parametrize("mask_by", sorted(WAYS))
def test_moving_thing_is_covered_in_every_frame_and_the_clip_released(mask_by: str) -> None:
    masked = _masked(RedLooks(), mask_by)

    assert (masked.verdict.action, masked.verdict.reason_code) == (Action.ALLOW, "masked")
    assert masked.verdict.rule == "red-covered"
    assert masked.verdict.findings
    assert len(masked.rounds) == 2
    assert not _is_red(masked.frames_THWC).any()


def test_what_lies_far_from_the_thing_is_untouched() -> None:
    masked = _masked(RedLooks())

    np.testing.assert_array_equal(masked.frames_THWC[:, 70:], _clip()[:, 70:])


def test_second_look_finds_what_shows_between_the_frames_of_the_first_one() -> None:
    clip = _clip()
    clip[16, 70 : 70 + SIDE_PX, 100 : 100 + SIDE_PX] = _THING  # the first look is at 15 and 18

    masked = _masked(RedLooks(), clip=clip)

    assert masked.verdict.action is Action.ALLOW
    assert len(masked.rounds) == 3
    assert 16 in masked.rounds[1].frame_numbers
    assert not _is_red(masked.frames_THWC).any()


def test_thing_that_still_shows_after_the_last_covering_blocks() -> None:
    masked = _masked(StubbornLooks())

    assert masked.verdict.action is Action.BLOCK
    assert "cannot be covered" in masked.verdict.message
    assert len(masked.rounds) == MAX_MASKS + 1


def test_finding_without_a_place_blocks() -> None:
    whole = RedLooks(lambda seen: Sighting(frame=seen.frame, score=0.9, label="red"))

    assert _masked(whole).verdict.action is Action.BLOCK


def test_thing_that_fills_the_frame_blocks() -> None:
    clip = np.full((9, 64, 64, 3), RED, np.uint8)

    assert _masked(RedLooks(), clip=clip).verdict.action is Action.BLOCK


def test_check_that_fails_after_the_covering_gives_no_answer() -> None:
    class Failing(RedLooks):
        num_looks = 0

        def look(self, sample: Sample) -> list[tuple[str, tuple[Sighting, ...]]]:
            self.num_looks += 1
            if self.num_looks == 2:
                raise RuntimeError("gone")
            return super().look(sample)

    verdict = _masked(Failing()).verdict

    assert (verdict.action, verdict.rule) == (Action.BLOCK, "check-failed")
    assert verdict.findings == ()  # so that the stage tries again


def test_clip_without_the_thing_is_not_touched() -> None:
    clip = _still(64, 64, 5)

    masked = _masked(RedLooks(), clip=clip)

    assert masked.frames_THWC is clip
    assert masked.verdict.reason_code == "allowed"
    assert evidence_from_rounds(masked.rounds) is None


def test_evidence_names_the_frames_boxes_and_scores_of_what_was_covered() -> None:
    evidence = evidence_from_rounds(_masked(RedLooks()).rounds)

    assert evidence is not None
    assert len(evidence.frame_numbers) <= MAX_FRAMES
    assert set(evidence.frame_numbers) <= set(range(4, 20))
    first = evidence.shown[0]
    assert (first.check, first.action, first.label) == ("plugin", Action.MASK, "red")
    assert first.box == (_left(first.frame), 40, _left(first.frame) + SIDE_PX - 2, 40 + SIDE_PX)


def _boxes(*sightings: tuple[int, Box], looked_at: tuple[int, ...]) -> list[list[Box]]:
    seen = [Sighting(frame=frame, score=1, label="x", box=box) for frame, box in sightings]
    return boxes_by_frame(
        seen, looked_at, num_frames=looked_at[-1] + 1, height_px=100, width_px=100
    )


def test_track_reaches_from_the_last_look_without_it_to_the_next_one() -> None:
    boxes = _boxes((8, (10, 10, 20, 20)), (12, (14, 10, 24, 20)), looked_at=(0, 4, 8, 12, 16, 20))

    assert [frame for frame, in_frame in enumerate(boxes) if in_frame] == list(range(5, 16))
    assert boxes[10] == [(10, 8, 24, 22)]  # half-way, padded by 1.5


def test_things_far_apart_are_tracks_of_their_own() -> None:
    boxes = _boxes((0, (0, 0, 9, 9)), (4, (80, 80, 90, 90)), looked_at=(0, 4))

    assert len(boxes[0]) == 1
    assert all(right < 20 for in_frame in boxes[:1] for _, _, right, _ in in_frame)
    assert {box[0] for box in boxes[3]} == {0, 78}


def test_thing_that_a_look_missed_is_covered_there_too() -> None:
    boxes = _boxes((0, (10, 10, 20, 20)), (8, (10, 10, 20, 20)), looked_at=(0, 4, 8))

    assert all(len(in_frame) == 1 for in_frame in boxes)


@given(
    left=st.integers(-30, 120), top=st.integers(-30, 120), side=st.integers(1, 60),
    frame=st.sampled_from((0, 4, 8)),
)  # fmt: skip
def test_every_seen_pixel_is_covered(left: int, top: int, side: int, frame: int) -> None:
    box = (left, top, left + side, top + side)
    in_frame = _boxes((frame, box), looked_at=(0, 4, 8))[frame]

    is_covered = np.zeros((100, 100), bool)
    for one in in_frame:
        is_covered[one[1] : one[3], one[0] : one[2]] = True
    inside = is_covered[max(0, top) : max(0, top + side), max(0, left) : max(0, left + side)]
    assert inside.all()


@pytest.mark.parametrize("mask_by", sorted(WAYS))
def test_covered_writing_depends_on_no_letter(mask_by: str) -> None:
    """Two patterns with the same averages leave the same picture behind."""
    box = (32, 32, 96, 56)
    one = np.full((1, 96, 128, 3), 128, np.uint8)
    other = one.copy()
    one[0, 32:56, 32:96:4] = 255
    other[0, 32:56, 34:96:4] = 255

    covered_one, covered_other = (covered(each, [[box]], mask_by) for each in (one, other))

    assert np.abs(covered_one.astype(int) - covered_other).max() <= 12


def test_shares_of_overlapping_boxes_count_once() -> None:
    assert most_covered([[], [(0, 0, 5, 10), (0, 0, 5, 10)]], 10, 10) == 0.5
