"""A caller's picture -> a plain PNG of the clip's size; nothing else of it is kept.

Invariant: only still JPEG, PNG and WebP of bounded size are ever decoded, and what comes out holds
pixels only: no name, no place, no camera.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib

from PIL import Image, ImageOps, UnidentifiedImageError

from telecine_platform.errors import InvalidRequest

CONTENT_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
"""What Pillow may decode, by its name for it."""
MAX_PICTURE_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 40_000_000
"""Decoded, about 120 MB; larger than any camera's usual picture."""


def png_from_picture(content: bytes, size_px: tuple[int, int], param: str) -> bytes:
    """Turned upright, cut to the clip's shape around its middle, scaled to `size_px`.

    Raises InvalidRequest for what is too large or no picture. Blocks for up to a second.
    """
    if len(content) > MAX_PICTURE_BYTES:
        raise InvalidRequest(
            f"{param}: the picture has {len(content)} bytes, at most {MAX_PICTURE_BYTES} are taken",
            param=param,
            code="image_too_large",
        )
    try:
        with warnings.catch_warnings():
            # Pillow only warns of a bomb below twice its own limit; ours is checked below.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=list(CONTENT_TYPES)) as picture:
                _check_pixels(picture, param)
                upright = ImageOps.exif_transpose(picture).convert("RGB")
        fitted = ImageOps.fit(upright, size_px, method=Image.Resampling.LANCZOS)
    except _NOT_A_PICTURE as error:
        raise InvalidRequest(
            f"{param} cannot be read as a picture: send a whole PNG, JPEG or WebP",
            param=param,
            code="invalid_image",
        ) from error
    # A new image, so that none of the old one's metadata comes along.
    plain = Image.frombytes("RGB", fitted.size, fitted.tobytes())
    out = io.BytesIO()
    plain.save(out, format="PNG")
    return out.getvalue()


_NOT_A_PICTURE = (
    UnidentifiedImageError,
    Image.DecompressionBombError,
    OSError,
    ValueError,
    TypeError,
    SyntaxError,
    EOFError,
    IndexError,
    OverflowError,
    struct.error,
    zlib.error,
)
"""What Pillow's decoders raise for damaged files."""


def _check_pixels(picture: Image.Image, param: str) -> None:
    """By the header, before anything is decoded."""
    num_pixels = picture.width * picture.height
    if num_pixels > MAX_PIXELS:
        raise InvalidRequest(
            f"{param}: the picture is {picture.width}x{picture.height}; at most {MAX_PIXELS} "
            "pixels are taken",
            param=param,
            code="image_too_large",
        )
