"""Covers boxes in frames so that what was in them cannot be had back.

A blur or pixels keep at most six cells along the longer side, by averages; an inpainted box keeps
nothing of what was in it. Legend: T frames, H height_px, W width_px, C colours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from telecine_safeguards.output.sightings import Box

Frames = npt.NDArray[np.uint8]

_CELLS: Final = 6
_INPAINT_PX: Final = 160
"""Longer boxes are inpainted smaller and enlarged: the method's time grows with the area."""
_INPAINT_RADIUS_PX: Final = 4


def covered(frames_THWC: Frames, boxes: Sequence[Sequence[Box]], mask_by: str) -> Frames:
    """A copy with the boxes of each frame covered. Raises KeyError for an unknown way."""
    cover = WAYS[mask_by]
    covered_THWC = frames_THWC.copy()
    for frame_HWC, in_frame in zip(covered_THWC, boxes, strict=True):
        for box in in_frame:
            left, top, right, bottom = box
            frame_HWC[top:bottom, left:right] = cover(frame_HWC, box)
    return covered_THWC


def most_covered(boxes: Sequence[Sequence[Box]], height_px: int, width_px: int) -> float:
    """The largest share of a frame that the boxes take."""
    return max((_share(each, height_px, width_px) for each in boxes), default=0.0)


def _share(boxes: Sequence[Box], height_px: int, width_px: int) -> float:
    is_covered = np.zeros((height_px, width_px), bool)
    for left, top, right, bottom in boxes:
        is_covered[top:bottom, left:right] = True
    return float(is_covered.mean())


def _blurred(frame_HWC: Frames, box: Box) -> Frames:
    return _from_cells(frame_HWC, box, cv2.INTER_LINEAR)


def _pixelated(frame_HWC: Frames, box: Box) -> Frames:
    return _from_cells(frame_HWC, box, cv2.INTER_NEAREST)


def _from_cells(frame_HWC: Frames, box: Box, method: int) -> Frames:
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    longer = max(width, height)
    cells = (max(1, _CELLS * width // longer), max(1, _CELLS * height // longer))
    few = cv2.resize(frame_HWC[top:bottom, left:right], cells, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(few, (width, height), interpolation=method), np.uint8)


def _inpainted(frame_HWC: Frames, box: Box) -> Frames:
    """Grown in from what is around the box (A. Telea, J. Graphics Tools 9(1), 2004)."""
    left, top, right, bottom = box
    margin = max(4, max(right - left, bottom - top) // 2)
    from_y, from_x = max(0, top - margin), max(0, left - margin)
    around = frame_HWC[from_y : bottom + margin, from_x : right + margin]
    is_lost = np.zeros(around.shape[:2], np.uint8)
    is_lost[top - from_y : bottom - from_y, left - from_x : right - from_x] = 255
    scale = min(1.0, _INPAINT_PX / max(around.shape[:2]))
    # What lies in the box must not bleed into the pixels around it.
    emptied = np.where(is_lost[..., np.newaxis] > 0, np.uint8(0), around)
    small = cv2.resize(emptied, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    lost = cv2.resize(is_lost, small.shape[1::-1], interpolation=cv2.INTER_AREA)
    lost_wide = cv2.dilate((lost > 0).astype(np.uint8), np.ones((3, 3), np.uint8))
    grown = cv2.inpaint(small, lost_wide, _INPAINT_RADIUS_PX, cv2.INPAINT_TELEA)
    large = cv2.resize(grown, around.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    part = large[top - from_y : bottom - from_y, left - from_x : right - from_x]
    return np.asarray(part, np.uint8)


WAYS: Final[Mapping[str, Callable[[Frames, Box], Frames]]] = {
    "blur": _blurred,
    "pixelate": _pixelated,
    "inpaint": _inpainted,
}
