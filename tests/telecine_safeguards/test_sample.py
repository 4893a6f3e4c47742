"""Which frames are looked at."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telecine_safeguards.output.sample import (
    MAX_SAMPLES,
    MIN_SAMPLES,
    SAMPLES_PER_S,
    sample_clip,
    sample_frame_numbers,
)

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
