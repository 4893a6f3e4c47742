"""What is left of frames when their content is taken away: where a mark is looked for.

Legend: T frames, H height_px, W width_px.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt

from telecine_safeguards.provenance.luma import Picture, mean_and_spread

Pictures = npt.NDArray[np.float32]
_REACH_SHARE: Final = 40
"""Content is what varies over a square of 1/20 of the short side."""
_SOFTNESS: Final = 3.0
"""Luma levels: a spread below this is an encoder's noise, not to be blown up."""
_MAX_RATIO: Final = 2.5
"""An edge's pixels count no more than this many spreads."""
_TAPER_SHARE: Final = 0.06
"""Of each side: without it the picture's border would be the loudest thing in the spectrum."""


def residuals(lumas_HW: Iterable[Picture]) -> Pictures:
    """Each frame's residual, faded out at the border. Raises ValueError without frames."""
    found = [_residual(luma_HW) for luma_HW in lumas_HW]
    if not found:
        raise ValueError("there are no frames to look for a mark in")
    height_px, width_px = found[0].shape
    residuals_THW = np.stack(found)
    residuals_THW *= np.outer(_taper(height_px), _taper(width_px))
    return residuals_THW


def _residual(luma_HW: Picture) -> Picture:
    reach_px = max(3, min(luma_HW.shape) // _REACH_SHARE)
    mean_HW, spread_HW = mean_and_spread(luma_HW, reach_px)
    ratio_HW = (luma_HW - mean_HW) / (spread_HW + np.float32(_SOFTNESS))
    clipped_HW: Picture = np.clip(ratio_HW, -_MAX_RATIO, _MAX_RATIO)
    return clipped_HW


def _taper(length: int) -> Picture:
    """A Tukey window: cosine flanks, flat between."""
    flank = max(1, round(length * _TAPER_SHARE))
    distance = np.minimum(np.arange(length) + 0.5, length - np.arange(length) - 0.5)
    window: Picture = (0.5 - 0.5 * np.cos(np.pi * np.minimum(distance / flank, 1))).astype(
        np.float32
    )
    return window
