"""Clips that begin or end with a picture, for the tests on one rank and on several."""

from __future__ import annotations

import numpy as np
from PIL import Image

from telecine_serve.models.images import NO_IMAGES, Images, Picture
from tests.telecine_serve.specs import small_spec

SPEC = small_spec(width_px=96, negative_prompt="dark fog")


def _picture(seed: int) -> Picture:
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((SPEC.width_px, SPEC.height_px)))


FIRST = Images(first_HWC=_picture(1))
BOTH = Images(first_HWC=_picture(1), last_HWC=_picture(2))

CASES: tuple[tuple[str, Images], ...] = (
    ("ti2v", FIRST),
    ("i2v", FIRST),
    ("i2v", BOTH),
    ("i2v-clip", FIRST),
    ("flf2v-clip", BOTH),
    ("two-experts", NO_IMAGES),
    ("two-experts-i2v", FIRST),
)
"""Every variant of `models/variants.py` with the pictures that it takes."""

ON_RANKS: tuple[tuple[str, Images], ...] = (
    ("ti2v", FIRST),
    ("flf2v-clip", BOTH),
    ("two-experts-i2v", FIRST),
)
"""Those that together have every way in which pictures and experts differ."""
