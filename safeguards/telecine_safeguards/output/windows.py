"""Cuts the windows out of a picture that are hashed, so that a part or a turned copy still matches.

A PDQ hash bears about 3 % of shift, 6 % of scale and 3 degrees of rotation (measured with
loadtests/moderation.py), and a crop moves a picture by more. So the reference is kept as the whole
and nine windows of it, and what is looked at is hashed in finer steps of place, size and angle:
wherever the copy was cut, some pair of windows shows the same. Bars are cut off first.

Legend: N windows, H height_px, W width_px, C colours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from telecine_safeguards.output.pdq import GRID

Picture = npt.NDArray[np.uint8]
Grids = npt.NDArray[np.float32]

_WORK_PX: Final = 192
"""The picture is shrunk to this square once, of which each window is sampled: 3 pixels a cell."""
_MAX_BAR_SPREAD: Final = 10
"""A row or column belongs to a bar while its brightness varies by no more, as encoders smear it."""
_MAX_BAR_SHARE: Final = 0.4
"""Of a side that may be cut from one edge: more is a dark picture, not a bar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A rectangle with the picture's proportions, in shares of its sides."""

    share: float = 1.0
    right: float = 0.0
    down: float = 0.0
    """Its centre, from the picture's centre."""
    turn_deg: float = 0.0


_REFERENCE_SHARE: Final = 0.72
_REFERENCE_STEP: Final = 0.1
REFERENCE_PARTS: Final = tuple(
    Window(share=_REFERENCE_SHARE, right=right, down=down)
    for down in (-_REFERENCE_STEP, 0.0, _REFERENCE_STEP)
    for right in (-_REFERENCE_STEP, 0.0, _REFERENCE_STEP)
)
_QUERY_SHARES: Final = (0.72, 0.77, 0.82, 0.88)
"""What 0.72 of the reference fills in a copy that shows 100, 94, 88 and 82 % of it."""
_QUERY_STEP: Final = _REFERENCE_STEP / 3
"""So that the places of both together lie a third of the reference's step apart."""
_TURNED_SHARES: Final = (0.72, 0.82, 0.92)
_QUERY_TURNS_DEG: Final = (-10.0, -5.0, 5.0, 10.0)
QUERY_PARTS: Final = (
    *(
        Window(share=share, right=right, down=down)
        for share in _QUERY_SHARES
        for down in (-_QUERY_STEP, 0.0, _QUERY_STEP)
        for right in (-_QUERY_STEP, 0.0, _QUERY_STEP)
    ),
    *(
        Window(share=share, turn_deg=turn_deg)
        for share in _TURNED_SHARES
        for turn_deg in _QUERY_TURNS_DEG
    ),
)


def without_bars(picture_HWC: Picture) -> Picture:
    """Cut off letterbox, pillarbox and caption bars: edges of one brightness each."""
    luma_HW = cv2.cvtColor(picture_HWC, cv2.COLOR_RGB2GRAY)
    top, bottom = _bars(luma_HW)
    left, right = _bars(luma_HW[top:bottom].T)
    return picture_HWC[top:bottom, left:right]


def grids_from_picture(picture_HWC: Picture, windows: tuple[Window, ...]) -> Grids:
    """Shrink each window of the picture to the N x 64 x 64 brightnesses that PDQ transforms."""
    height_px, width_px = picture_HWC.shape[:2]
    luma_HW = cv2.cvtColor(picture_HWC, cv2.COLOR_RGB2GRAY)
    work = cv2.resize(luma_HW, (_WORK_PX, _WORK_PX), interpolation=cv2.INTER_AREA)
    smooth = cv2.blur(work.astype(np.float32), (3, 3))
    return np.stack(
        [
            cv2.warpAffine(
                smooth,
                _work_from_grid(window, width_px / height_px),
                (GRID, GRID),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REPLICATE,
            )
            for window in windows
        ]
    )


def _work_from_grid(window: Window, proportion: float) -> npt.NDArray[np.float64]:
    """Where each cell of the grid lies in the shrunk square; turns happen in real proportions."""
    angle = np.deg2rad(window.turn_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    real = np.diag([proportion, 1.0])
    linear = np.linalg.inv(real) @ turn @ real * window.share * _WORK_PX / GRID
    centre = (np.array([window.right, window.down]) + 0.5) * _WORK_PX - 0.5
    start = centre - linear @ np.full(2, (GRID - 1) / 2)
    return np.column_stack([linear, start])


def _bars(luma_HW: npt.NDArray[np.uint8]) -> tuple[int, int]:
    """First row of the picture proper, and the one after its last."""
    num_rows = len(luma_HW)
    low, high = np.percentile(luma_HW, (5, 95), axis=1)
    is_flat = high - low <= _MAX_BAR_SPREAD
    if is_flat.all():
        return 0, num_rows
    most = int(num_rows * _MAX_BAR_SHARE)
    top, bottom = int(np.argmin(is_flat)), int(np.argmin(is_flat[::-1]))
    return min(top, most), num_rows - min(bottom, most)
