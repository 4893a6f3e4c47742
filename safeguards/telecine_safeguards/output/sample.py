"""Picks the frames that are looked at: evenly spaced ones, and the first after each cut.

Legend: T frames of the clip or the sample, H height_px, W width_px, C the three colours.
Invariant: the first, the middle and the last frame are always among them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

SAMPLES_PER_S: Final = 2
"""What shows for half a second is seen."""
MIN_SAMPLES: Final = 3
MAX_SAMPLES: Final = 33
"""Bounds a moderation to about 3 s of CPU; clips over 16 s are sampled more sparsely. Odd."""
MAX_CUTS: Final = 12
"""Frames after cuts beside them, the hardest cuts first."""
_MIN_CUT_LEVELS: Final = 14.0
_MIN_CUT_RATIO: Final = 4.0
"""A cut changes a small picture of the frame by more than both: so many levels in the mean, and so
many times what its neighbourhood changes by. Fast motion all the time is no cut."""
_NEIGHBOURS: Final = 8
_SMALL_PX: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """Frames of one clip, and which they are. Read-only: every check sees the same pixels."""

    frames_THWC: npt.NDArray[np.uint8]
    frame_numbers: tuple[int, ...]


def sample_clip(
    frames_THWC: npt.NDArray[np.uint8], fps: int, *, is_second_look: bool = False
) -> Sample:
    """Copy the sampled frames out of a clip. Raises ValueError unless it is uint8 RGB THWC.

    A second look has the frames of the first one, and one between each two of them.
    """
    if not isinstance(frames_THWC, np.ndarray) or frames_THWC.dtype != np.uint8:
        raise ValueError("a clip must be an array of uint8; decode it to 8-bit RGB")
    if frames_THWC.ndim != 4 or frames_THWC.shape[3] != 3 or 0 in frames_THWC.shape:
        raise ValueError(f"a clip must have shape (T, H, W, 3), none 0, not {frames_THWC.shape}")
    even = sample_frame_numbers(len(frames_THWC), fps, is_second_look=is_second_look)
    numbers = tuple(sorted({*even, *frames_after_cuts(frames_THWC)}))
    sampled_THWC = frames_THWC[list(numbers)]
    sampled_THWC.flags.writeable = False
    return Sample(frames_THWC=sampled_THWC, frame_numbers=numbers)


def sample_frame_numbers(
    num_frames: int, fps: int, *, is_second_look: bool = False
) -> tuple[int, ...]:
    """Choose evenly spaced frames, ascending; all of a clip shorter than MIN_SAMPLES."""
    if num_frames < 1 or fps < 1:
        raise ValueError(f"num_frames and fps must be at least 1, not {num_frames} and {fps}")
    wanted = math.ceil(num_frames * SAMPLES_PER_S / fps) + 1
    odd = wanted | 1  # so that the middle frame falls on a sample
    num_samples = min(max(odd, MIN_SAMPLES), MAX_SAMPLES)
    if is_second_look:
        num_samples = 2 * num_samples - 1
    if num_samples >= num_frames:
        return tuple(range(num_frames))
    last = num_frames - 1
    return tuple(position * last // (num_samples - 1) for position in range(num_samples))


def frames_after_cuts(frames_THWC: npt.NDArray[np.uint8]) -> tuple[int, ...]:
    """The first frame of each new scene, ascending; a picture flashed up is two cuts.

    Dissolves and fades are none: the evenly spaced frames see them.
    """
    _, height_px, width_px, _ = frames_THWC.shape
    down, along = max(1, height_px // _SMALL_PX), max(1, width_px // _SMALL_PX)
    small_T = frames_THWC[:, down // 2 :: down, along // 2 :: along].astype(np.int16)
    changes = np.abs(np.diff(small_T, axis=0)).mean(axis=(1, 2, 3))
    usual = [
        np.median(changes[max(0, place - _NEIGHBOURS) : place + _NEIGHBOURS + 1])
        for place in range(len(changes))
    ]
    is_cut = (changes >= _MIN_CUT_LEVELS) & (changes >= _MIN_CUT_RATIO * np.array(usual))
    cuts = np.flatnonzero(is_cut)
    hardest = cuts[np.argsort(-changes[cuts], kind="stable")][:MAX_CUTS]
    return tuple(sorted(int(place) + 1 for place in hardest))
