"""Ark's resolution and ratio <-> a model's sizes in pixels. Pure."""

from __future__ import annotations

from math import gcd, isclose

from telecine_platform.catalogue import ModelCard

ADAPTIVE = "adaptive"
"""The model may choose: its default, where nothing else is said."""
_LINES = (480, 720, 1080)
_RATIOS = {"16:9": 16 / 9, "4:3": 4 / 3, "1:1": 1.0, "3:4": 3 / 4, "9:16": 9 / 16, "21:9": 21 / 9}
_NEAR = 0.06
"""Sizes are whole multiples of 16 px: 832x480 is called 16:9, though it is 1.73."""


def ratio_name(size_px: tuple[int, int]) -> str:
    """`16:9` for 832x480; a ratio that Ark does not name in lowest terms."""
    width_px, height_px = size_px
    for name, ratio in _RATIOS.items():
        if isclose(width_px / height_px, ratio, rel_tol=_NEAR):
            return name
    divisor = gcd(width_px, height_px)
    return f"{width_px // divisor}:{height_px // divisor}"


def resolution_name(size_px: tuple[int, int]) -> str:
    """`480p` for 832x480, and for 624x624, which has as many pixels; else the shorter side."""
    width_px, height_px = size_px
    for lines in _LINES:
        if isclose(width_px * height_px, lines * lines * 16 / 9, rel_tol=_NEAR):
            return f"{lines}p"
    return f"{min(size_px)}p"


def size_from_names(
    resolution: str | None, ratio: str | None, card: ModelCard
) -> tuple[int, int] | None:
    """The model's first size of that resolution and ratio; None where it has none."""
    for size_px in card.sizes_px:
        is_resolution = resolution is None or resolution == resolution_name(size_px)
        if is_resolution and ratio in (None, ADAPTIVE, ratio_name(size_px)):
            return size_px
    return None


def size_names(card: ModelCard) -> list[str]:
    """Each size as a caller has to ask for it: `480p 16:9`."""
    names = [f"{resolution_name(size)} {ratio_name(size)}" for size in card.sizes_px]
    return list(dict.fromkeys(names))
