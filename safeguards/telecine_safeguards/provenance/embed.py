"""Puts a mark into a clip: the same pattern in every frame, stronger where the picture hides it.

The pattern is fixed in the picture, so encoders keep it (it costs nothing from frame to frame), and
every frame, and every tile of a frame, is another vote for the same bits.

Legend: T frames, H height_px, W width_px, C red-green-blue, K carriers.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from telecine_safeguards.provenance.bch import CODE_BITS
from telecine_safeguards.provenance.carriers import CARRIERS_PER_BIT, carriers_from_key
from telecine_safeguards.provenance.luma import Picture, luma_from_rgb, mean_and_spread
from telecine_safeguards.provenance.payload import code_from_id

TILES_PER_SHORT_SIDE: Final = 4
MIN_TILE_PX: Final = 64
"""Smaller tiles would need waves shorter than encoders keep."""
MIN_SIDE_PX: Final = 32
_TEMPLATE_AMPLITUDE: Final = 2.0
"""Of a carrier of the template, one of the bits' being 1."""
_FLOOR: Final = 2.0
_GAIN: Final = 0.16
_CEILING: Final = 4.5
"""Root mean square of the pattern in luma levels: the least, per level of spread, the most."""
_MAX_MEAN_SQUARE: Final = 255**2 / 10**4.06
"""Of the whole clip: 40.6 dB, so that rounding leaves it above 40."""
_REACH_SHARE: Final = 80
"""The activity is measured over a square of 1/40 of the short side."""


def tile_px(height_px: int, width_px: int) -> float:
    """The side of the pattern's tile in a picture of this size."""
    return max(MIN_TILE_PX, min(height_px, width_px) / TILES_PER_SHORT_SIDE)


def embed(frames_THWC: npt.NDArray[np.uint8], mark_id: int, key: bytes) -> npt.NDArray[np.uint8]:
    """A marked copy of the clip.

    Raises ValueError for frames under 32 pixels, and for an id of over 40 bits.
    """
    _, height_px, width_px, _ = frames_THWC.shape
    if min(height_px, width_px) < MIN_SIDE_PX:
        raise ValueError(
            f"frames of {width_px}x{height_px} are too small for a mark: {MIN_SIDE_PX} at least"
        )
    pattern_HW = pattern(height_px, width_px, mark_id, key)
    reach_px = max(2, min(height_px, width_px) // _REACH_SHARE)
    share = _share(frames_THWC, reach_px)
    marked_THWC = np.empty_like(frames_THWC)
    for index, frame_HWC in enumerate(frames_THWC):
        added_HW = pattern_HW * _strength(luma_from_rgb(frame_HWC), reach_px) * share
        moved_HWC = frame_HWC + added_HW[..., np.newaxis]
        marked_THWC[index] = np.clip(np.rint(moved_HWC), 0, 255).astype(np.uint8)
    return marked_THWC


def pattern(height_px: int, width_px: int, mark_id: int, key: bytes) -> Picture:
    """The mark itself, its root mean square 1."""
    carriers = carriers_from_key(key)
    code = code_from_id(mark_id, key)
    signs = np.array([1.0 if code >> bit & 1 else -1.0 for bit in range(CODE_BITS)])
    amplitudes_K = np.concatenate(
        [
            _TEMPLATE_AMPLITUDE * np.exp(1j * carriers.template_phases_K),
            np.repeat(signs, CARRIERS_PER_BIT) * np.exp(1j * carriers.bits_phases_K),
        ]
    ).astype(np.complex64)
    waves_K2 = np.concatenate([carriers.template_K2, carriers.bits_K2])
    turns_K2 = 2j * np.pi * waves_K2 / tile_px(height_px, width_px)
    down_HK = np.exp(np.arange(height_px)[:, np.newaxis] * turns_K2[:, 1]).astype(np.complex64)
    along_KW = np.exp(turns_K2[:, :1] * np.arange(width_px)).astype(np.complex64)
    waves_HW = ((down_HK * amplitudes_K) @ along_KW).real
    scaled: Picture = (waves_HW / np.sqrt(np.mean(np.square(waves_HW)))).astype(np.float32)
    return scaled


def _share(frames_THWC: npt.NDArray[np.uint8], reach_px: int) -> np.float32:
    """How much of the wanted strength the clip can have, from a few of its frames."""
    some_THWC = frames_THWC[:: max(1, len(frames_THWC) // 5)]
    mean_square = np.mean(
        [np.mean(np.square(_strength(luma_from_rgb(each), reach_px))) for each in some_THWC]
    )
    return np.float32(min(1.0, (_MAX_MEAN_SQUARE / mean_square) ** 0.5))


def _strength(luma_HW: Picture, reach_px: int) -> Picture:
    _, spread_HW = mean_and_spread(luma_HW, reach_px)
    strength_HW: Picture = np.clip(_FLOOR + _GAIN * spread_HW, _FLOOR, _CEILING)
    return strength_HW
