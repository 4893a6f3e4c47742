"""The visible label: a small sign in the corner that says that no camera saw this."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from telecine_serve.media.clip_array import Frames, check_frames

LABEL_TEXT = "AI-generated"
_HEIGHT_SHARE = 0.045
_MIN_FONT_PX = 7
_SHADE = 0.55
"""How much darker the picture is behind the text."""


def is_labelled(label_regions: str, region: str) -> bool:
    """Whether a clip that is shown in `region` (empty: anywhere) gets a label.

    `label_regions`: `*` for everywhere, names as `EU,CN`, or empty for nowhere.
    """
    regions = {name.strip() for name in label_regions.split(",") if name.strip()}
    return bool(regions) and (not region or "*" in regions or region in regions)


def labelled(frames_THWC: Frames) -> Frames:
    """A copy of the clip with the label at the lower right, one part in 22 of the height."""
    check_frames(frames_THWC)
    _, height_px, width_px, _ = frames_THWC.shape
    font = ImageFont.load_default(max(_MIN_FONT_PX, round(height_px * _HEIGHT_SHARE)))
    left, top, right, bottom = font.getbbox(LABEL_TEXT)
    pad_px = max(1, round((bottom - top) * 0.4))
    box_px = (round(right - left) + 2 * pad_px, round(bottom - top) + 2 * pad_px)
    sign = Image.new("L", box_px, 0)
    ImageDraw.Draw(sign).text((pad_px - left, pad_px - top), LABEL_TEXT, fill=255, font=font)
    rows, columns = min(box_px[1], height_px), min(box_px[0], width_px)
    text_HW1 = (np.asarray(sign, np.float32)[:rows, :columns] / 255)[..., np.newaxis]
    copy_THWC = frames_THWC.copy()
    corner = copy_THWC[:, height_px - rows :, width_px - columns :]
    shaded = corner * (1 - _SHADE) * (1 - text_HW1) + 255 * text_HW1
    corner[:] = np.rint(shaded).astype(np.uint8)
    return copy_THWC
