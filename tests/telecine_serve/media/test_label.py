"""The visible label: where, and for whom."""

from __future__ import annotations

import numpy as np
import pytest

from telecine_serve.media.label import is_labelled, labelled


@pytest.mark.parametrize(
    ("regions", "region", "expected"),
    [
        ("", "EU", False),
        ("", "", False),
        ("EU,CN", "EU", True),
        ("EU, CN", "CN", True),
        ("EU,CN", "US", False),
        ("EU,CN", "", True),
        ("*", "US", True),
    ],
)
def test_label_goes_by_region_and_an_unknown_one_counts(
    regions: str, region: str, expected: bool
) -> None:
    assert is_labelled(regions, region) is expected


@pytest.mark.parametrize(("height_px", "width_px"), [(64, 64), (480, 832)])
def test_label_is_in_the_corner_and_nowhere_else(height_px: int, width_px: int) -> None:
    grey = np.full((2, height_px, width_px, 3), 128, np.uint8)
    changed = (labelled(grey) != grey).any(axis=(0, 3))
    assert changed[height_px * 3 // 4 :].any()
    assert not changed[: height_px * 3 // 4].any()
    assert (grey == 128).all()
