"""A clip's still pictures: OpenAI's variants `thumbnail` (WebP) and `spritesheet` (JPEG), and the
last frame (PNG), from which Ark's callers make their next clip.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from PIL import Image

from telecine_serve.media.clip_array import Frames, check_frames, translated_media_errors

THUMBNAIL_CONTENT_TYPE = "image/webp"
SPRITESHEET_CONTENT_TYPE = "image/jpeg"
LAST_FRAME_CONTENT_TYPE = "image/png"
MIN_LONG_SIDE_PX = 256
"""Smaller frames (the embedded model's) are enlarged by whole factors, so that people see them."""
MAX_THUMBNAIL_PX = 640
MAX_SPRITE_PX = 320
MAX_SPRITES = 16
_QUALITY = 85


def write_thumbnail(path: Path, frames_THWC: Frames) -> None:
    """Write the middle frame as WebP, its long side 256 to 640 px (up to 511 if enlarged)."""
    check_frames(frames_THWC)
    picture = _sized(frames_THWC[len(frames_THWC) // 2], MAX_THUMBNAIL_PX)
    with translated_media_errors("write", path):
        picture.save(path, format="WEBP", quality=_QUALITY, method=4)


def write_spritesheet(path: Path, frames_THWC: Frames) -> None:
    """Write up to 16 evenly spaced frames, first and last included, row by row, as one JPEG."""
    check_frames(frames_THWC)
    num_sprites = min(len(frames_THWC), MAX_SPRITES)
    indices = [round(at) for at in np.linspace(0, len(frames_THWC) - 1, num_sprites)]
    sprites = [_sized(frames_THWC[index], MAX_SPRITE_PX) for index in indices]
    num_columns = math.ceil(math.sqrt(num_sprites))
    num_rows = math.ceil(num_sprites / num_columns)
    width_px, height_px = sprites[0].size
    sheet = Image.new("RGB", (num_columns * width_px, num_rows * height_px))
    for position, sprite in enumerate(sprites):
        row, column = divmod(position, num_columns)
        sheet.paste(sprite, (column * width_px, row * height_px))
    with translated_media_errors("write", path):
        sheet.save(path, format="JPEG", quality=_QUALITY)


def write_last_frame(path: Path, frames_THWC: Frames) -> None:
    """Write the last frame as PNG, pixel for pixel."""
    check_frames(frames_THWC)
    with translated_media_errors("write", path):
        Image.fromarray(np.ascontiguousarray(frames_THWC[-1])).save(path, format="PNG")


def _sized(frame_HWC: Frames, max_px: int) -> Image.Image:
    picture = Image.fromarray(np.ascontiguousarray(frame_HWC))
    long_side_px = max(picture.size)
    if long_side_px < MIN_LONG_SIDE_PX:
        factor = math.ceil(MIN_LONG_SIDE_PX / long_side_px)
        size = (picture.width * factor, picture.height * factor)
        return picture.resize(size, Image.Resampling.NEAREST)
    if long_side_px > max_px:
        scale = max_px / long_side_px
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        return picture.resize(size, Image.Resampling.LANCZOS)
    return picture
