"""Which frames are looked at."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telecine_safeguards.output.sample import (
    MAX_CUTS,
    MAX_SAMPLES,
    MIN_SAMPLES,
    SAMPLES_PER_S,
    frames_after_cuts,
    sample_clip,
    sample_frame_numbers,
)
from tests.telecine_safeguards.pictures import Picture, picture

clips = given(num_frames=st.integers(1, 2000), fps=st.integers(1, 120))


@clips
def test_first_middle_and_last_frame_are_always_sampled(num_frames: int, fps: int) -> None:
    numbers = sample_frame_numbers(num_frames, fps)

    assert {0, (num_frames - 1) // 2, num_frames - 1} <= set(numbers)


@clips
def test_samples_ascend_and_keep_their_bounds(num_frames: int, fps: int) -> None:
    numbers = sample_frame_numbers(num_frames, fps)

    assert list(numbers) == sorted(set(numbers))
    assert min(num_frames, MIN_SAMPLES) <= len(numbers) <= MAX_SAMPLES


@clips
def test_second_look_sees_the_same_frames_and_others_between_them(
    num_frames: int, fps: int
) -> None:
    first = sample_frame_numbers(num_frames, fps)
    second = sample_frame_numbers(num_frames, fps, is_second_look=True)

    assert set(first) <= set(second)
    assert len(second) == min(num_frames, 2 * len(first) - 1)


@given(num_frames=st.integers(1, 480), fps=st.integers(30, 60))
def test_no_gap_is_longer_than_half_a_second(num_frames: int, fps: int) -> None:
    gaps = np.diff(sample_frame_numbers(num_frames, fps))

    assert all(gaps <= fps / SAMPLES_PER_S + 1)


@pytest.mark.parametrize(
    ("num_frames", "fps", "numbers"),
    [
        (1, 16, (0,)),
        (2, 16, (0, 1)),
        (5, 16, (0, 2, 4)),
        (17, 8, (0, 2, 5, 8, 10, 13, 16)),
        (33, 16, (0, 5, 10, 16, 21, 26, 32)),
    ],
)
def test_sample_table(num_frames: int, fps: int, numbers: tuple[int, ...]) -> None:
    assert sample_frame_numbers(num_frames, fps) == numbers


def test_sample_cannot_be_written_to() -> None:
    sample = sample_clip(np.zeros((3, 8, 8, 3), np.uint8), 8)

    with pytest.raises(ValueError, match="read-only"):
        sample.frames_THWC[0] = 1


def _scene(seed: int, num_frames: int) -> Picture:
    """A picture that moves by a pixel a frame."""
    wide = picture("shapes", 90, 160 + num_frames, seed)
    return np.stack([wide[:, frame : frame + 160] for frame in range(num_frames)])


def test_first_frame_of_each_scene_is_sampled() -> None:
    clip = np.concatenate([_scene(1, 10), _scene(2, 13), _scene(3, 20)])

    assert frames_after_cuts(clip) == (10, 23)
    assert {10, 23} <= set(sample_clip(clip, 8).frame_numbers)


def test_picture_that_is_flashed_up_for_one_frame_is_sampled() -> None:
    clip = _scene(1, 40)
    clip[17] = picture("waves", 90, 160, 5)

    assert 17 not in sample_frame_numbers(40, 8)
    assert 17 in sample_clip(clip, 8).frame_numbers


def test_motion_noise_and_a_fade_are_no_cuts() -> None:
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, size=(30, 90, 160, 3), dtype=np.uint8)
    scene = _scene(1, 30)
    fade = (scene * np.linspace(1, 0, 30)[:, None, None, None]).astype(np.uint8)

    assert [frames_after_cuts(each) for each in (scene, noise, fade)] == [(), (), ()]


def test_cuts_are_bounded() -> None:
    clip = np.concatenate([_scene(seed, 12) for seed in range(20)])

    assert len(frames_after_cuts(clip)) == MAX_CUTS
