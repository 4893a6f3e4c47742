"""The pictures that a clip is made from, as the engine and the checks want them.

The API has stored each as a plain PNG of the clip's size. Dims: H height_px, W width_px, C colours.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from telecine_platform.storage.store import BlobStore
from telecine_serve.media.clip_array import Frames, translated_media_errors


def read_picture(blobs: BlobStore, key: str) -> Frames:
    """`picture_HWC`, uint8 RGB. Raises NotFound if its job was deleted, MediaError if damaged."""
    with tempfile.TemporaryDirectory(prefix="telecine-picture-") as folder:
        path = Path(folder) / "picture.png"
        blobs.download(key, path)
        with translated_media_errors("read", path), Image.open(path, formats=["PNG"]) as picture:
            return np.array(picture.convert("RGB"))
