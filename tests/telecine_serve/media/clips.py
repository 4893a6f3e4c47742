"""Clips to test with: moving gradients with noise, and flat colours. Dims: T, H, W, C."""

from __future__ import annotations

import numpy as np

from telecine_serve.media.clip_array import Frames


def moving_clip(num_frames: int, height_px: int, width_px: int) -> Frames:
    """Every frame differs from every other, and the noise uses all 256 values."""
    rows, columns = np.mgrid[0:height_px, 0:width_px]
    noise = np.random.default_rng(7).integers(0, 24, (num_frames, height_px, width_px, 3))
    gradients = np.stack(
        [
            np.stack([columns + 9 * time, rows + 5 * time, rows + columns], axis=-1)
            for time in range(num_frames)
        ]
    )
    frames_THWC: Frames = ((gradients + noise) % 256).astype(np.uint8)
    return frames_THWC


def flat_clip(colour: tuple[int, int, int], num_frames: int = 3) -> Frames:
    return np.tile(np.array(colour, np.uint8), (num_frames, 64, 64, 1))
