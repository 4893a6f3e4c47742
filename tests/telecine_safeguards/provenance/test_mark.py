"""The mark in the picture: seen by nobody, found again. Encoders are met in loadtests/mark.py."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from telecine_safeguards.provenance.carriers import carriers_from_key
from telecine_safeguards.provenance.detect import MAX_FALSE_PER_CLIP, find_mark
from telecine_safeguards.provenance.embed import embed
from tests.telecine_safeguards.provenance.pictures import (
    KEY,
    MARK_ID,
    Frames,
    lumas,
    textured_clip,
)

FIRST_WAVES = [[14, 10], [-8, 5], [-14, 4]]
FIRST_PHASE = 1.6446356275953018


@pytest.fixture(scope="module")
def clip() -> Frames:
    return textured_clip()


@pytest.fixture(scope="module")
def marked(clip: Frames) -> Frames:
    return embed(clip, MARK_ID, KEY)


def test_marked_clip_differs_by_less_than_40_db(clip: Frames, marked: Frames) -> None:
    mean_square = np.mean(np.square(clip.astype(float) - marked))
    assert 10 * np.log10(255**2 / mean_square) >= 40


@pytest.mark.parametrize(
    "change",
    [
        lambda frames: frames,
        lambda frames: frames[1:2],
        lambda frames: frames[:, 17:-7, 11:-21],
        lambda frames: frames[:, :, ::-1],
        lambda frames: _drawn_anew(frames, scale=0.75, degrees=0.0),
        lambda frames: _drawn_anew(frames, scale=1.0, degrees=3.0),
        lambda frames: np.clip(frames * 0.8 + 20, 0, 255).astype(np.uint8),
    ],
    ids=["untouched", "one frame", "cut 10 %", "mirrored", "3/4 size", "turned 3 deg", "faded"],
)
def test_id_is_read_from_a_changed_clip(marked: Frames, change) -> None:  # type: ignore[no-untyped-def]
    found = find_mark(lumas(change(marked)), [KEY])
    assert found is not None
    assert found.mark_id == MARK_ID


@pytest.mark.parametrize("kept", [0, 5])
def test_id_is_read_from_the_one_frame_that_kept_it(kept: int) -> None:
    still = np.repeat(textured_clip(num_frames=1), 6, axis=0)
    still[kept] = embed(still[:1], MARK_ID, KEY)[0]
    found = find_mark(lumas(still), [KEY])
    assert found is not None
    assert found.mark_id == MARK_ID


def test_alignment_says_how_the_picture_was_turned(marked: Frames) -> None:
    found = find_mark(lumas(_drawn_anew(marked, scale=1.0, degrees=3.0)), [KEY])
    assert found is not None
    assert abs(abs(found.alignment.angle_deg) - 3.0) < 0.3


def test_each_key_finds_its_own_marks(marked: Frames) -> None:
    assert find_mark(lumas(marked), [b"another key"]) is None
    found = find_mark(lumas(marked), [b"another key", KEY])
    assert found is not None
    assert found.key_number == 1


def test_unmarked_clip_has_no_id(clip: Frames) -> None:
    assert find_mark(lumas(clip), [KEY]) is None


def test_false_ids_are_bounded_by_design() -> None:
    assert MAX_FALSE_PER_CLIP <= 1e-6


def test_carriers_of_a_key_never_change() -> None:
    """Marks have to be read for years: these are the first waves of this key, for good."""
    carriers = carriers_from_key(KEY)
    waves = {tuple(wave) for wave in np.concatenate([carriers.template_K2, carriers.bits_K2])}
    assert len(waves) == 64 + 127 * 5
    assert carriers.template_K2[:3].tolist() == FIRST_WAVES
    assert carriers.template_phases_K[0] == pytest.approx(FIRST_PHASE)


def test_frames_too_small_for_a_mark_are_refused() -> None:
    tiny = np.zeros((1, 16, 64, 3), np.uint8)
    with pytest.raises(ValueError, match="64x16 are too small"):
        embed(tiny, MARK_ID, KEY)
    with pytest.raises(ValueError, match="under 32 pixels"):
        find_mark(lumas(tiny), [KEY])


def test_flat_black_frames_have_no_id() -> None:
    assert find_mark(lumas(np.zeros((2, 64, 64, 3), np.uint8)), [KEY]) is None


def _drawn_anew(frames_THWC: Frames, *, scale: float, degrees: float) -> Frames:
    def one(frame_HWC: Frames) -> Frames:
        picture = Image.fromarray(frame_HWC)
        size = (round(picture.width * scale), round(picture.height * scale))
        picture = picture.resize(size, Image.Resampling.BICUBIC)
        return np.asarray(picture.rotate(degrees, Image.Resampling.BICUBIC))

    return np.stack([one(each) for each in frames_THWC])
