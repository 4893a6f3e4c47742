"""Picks the frames that are looked at.

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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """Frames of one clip, and which they are. Read-only: every check sees the same pixels."""

    frames_THWC: npt.NDArray[np.uint8]
    frame_numbers: tuple[int, ...]


def sample_clip(frames_THWC: npt.NDArray[np.uint8], fps: int) -> Sample:
    """Copy the sampled frames out of a clip. Raises ValueError unless it is uint8 RGB THWC."""
    if not isinstance(frames_THWC, np.ndarray) or frames_THWC.dtype != np.uint8:
        raise ValueError("a clip must be an array of uint8; decode it to 8-bit RGB")
    if frames_THWC.ndim != 4 or frames_THWC.shape[3] != 3 or 0 in frames_THWC.shape:
        raise ValueError(f"a clip must have shape (T, H, W, 3), none 0, not {frames_THWC.shape}")
    numbers = sample_frame_numbers(len(frames_THWC), fps)
    sampled_THWC = frames_THWC[list(numbers)]
    sampled_THWC.flags.writeable = False
    return Sample(frames_THWC=sampled_THWC, frame_numbers=numbers)


def sample_frame_numbers(num_frames: int, fps: int) -> tuple[int, ...]:
    """Choose evenly spaced frames, ascending; all of a clip shorter than MIN_SAMPLES."""
    if num_frames < 1 or fps < 1:
        raise ValueError(f"num_frames and fps must be at least 1, not {num_frames} and {fps}")
    wanted = math.ceil(num_frames * SAMPLES_PER_S / fps) + 1
    odd = wanted | 1  # so that the middle frame falls on a sample
    num_samples = min(max(odd, MIN_SAMPLES), MAX_SAMPLES)
    if num_samples >= num_frames:
        return tuple(range(num_frames))
    last = num_frames - 1
    return tuple(position * last // (num_samples - 1) for position in range(num_samples))
