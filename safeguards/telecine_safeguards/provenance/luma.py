"""Brightness and what is around each pixel. Legend: H height_px, W width_px, C red-green-blue."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.float32]
_BT709: Final = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""What the encoder makes its luma with."""


def luma_from_rgb(frame_HWC: npt.NDArray[np.uint8]) -> Picture:
    """Luma of 0 to 255."""
    luma_HW: Picture = frame_HWC.astype(np.float32) @ _BT709
    return luma_HW


def mean_and_spread(luma_HW: Picture, reach_px: int) -> tuple[Picture, Picture]:
    """Mean and standard deviation of the square of 2 reach_px + 1 around each pixel."""
    centred_HW = luma_HW - np.float32(luma_HW.mean())  # float32 then has digits enough for squares
    mean_HW = _box(centred_HW, reach_px)
    variance_HW = _box(np.square(centred_HW), reach_px) - np.square(mean_HW)
    return luma_HW - centred_HW + mean_HW, np.sqrt(np.maximum(variance_HW, 0))


def _box(picture_HW: Picture, reach_px: int) -> Picture:
    for axis in (0, 1):
        picture_HW = _running_mean(picture_HW, min(reach_px, picture_HW.shape[axis] - 1), axis)
    return picture_HW


def _running_mean(picture_HW: Picture, reach_px: int, axis: int) -> Picture:
    pads = [(0, 0), (0, 0)]
    pads[axis] = (reach_px + 1, reach_px)
    sums_HW = np.cumsum(np.pad(picture_HW, pads, mode="reflect"), axis=axis, dtype=np.float64)
    ends = [slice(None), slice(None)]
    starts = [slice(None), slice(None)]
    window_px = 2 * reach_px + 1
    ends[axis], starts[axis] = slice(window_px, None), slice(None, -window_px)
    means: Picture = ((sums_HW[tuple(ends)] - sums_HW[tuple(starts)]) / window_px).astype(
        np.float32
    )
    return means
