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
    mean_HW = mean_around(centred_HW, reach_px)
    variance_HW = mean_around(np.square(centred_HW), reach_px) - np.square(mean_HW)
    return luma_HW - centred_HW + mean_HW, np.sqrt(np.maximum(variance_HW, 0))


def mean_around(picture_HW: Picture, reach_px: int) -> Picture:
    """Mean of the square of 2 reach_px + 1 around each pixel, mirrored at the border."""
    for axis in (0, 1):
        picture_HW = _running_mean(picture_HW, min(reach_px, picture_HW.shape[axis] - 1), axis)
    return picture_HW


def _running_mean(picture_HW: Picture, reach_px: int, axis: int) -> Picture:
    """Adds sums of 1, 2, 4 … neighbours: few passes, and exact enough in float32."""
    pads = [(0, 0), (0, 0)]
    pads[axis] = (reach_px, reach_px)
    sums = np.moveaxis(np.pad(picture_HW, pads, mode="reflect"), axis, 0)
    window_px, num_places = 2 * reach_px + 1, picture_HW.shape[axis]
    total, num_added, num_each = np.zeros_like(sums[:num_places]), 0, 1
    while num_added < window_px:
        if window_px & num_each:
            total += sums[num_added : num_added + num_places]
            num_added += num_each
        if num_added < window_px:
            sums = sums[:-num_each] + sums[num_each:]
            num_each *= 2
    means: Picture = np.moveaxis(total, 0, axis) / np.float32(window_px)
    return means
