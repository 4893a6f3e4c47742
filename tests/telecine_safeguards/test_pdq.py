"""PDQ agrees with the reference implementation, whose hashes lie in data/pdq_golden.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from telecine_safeguards.output.pdq import distances, pdq_from_picture, words_from_hex
from tests.telecine_safeguards.pictures import picture

GOLDEN = json.loads((Path(__file__).parent / "data" / "pdq_golden.json").read_text())["pictures"]
golden = pytest.mark.parametrize(
    "row", GOLDEN, ids=lambda row: f"{row['formula']}-{row['height_px']}x{row['width_px']}"
)


def _picture(row: dict[str, Any]) -> np.ndarray:
    return picture(row["formula"], row["height_px"], row["width_px"], row["seed"])


@golden
def test_hash_and_quality_are_those_of_the_reference(row: dict[str, Any]) -> None:
    ours = pdq_from_picture(_picture(row))

    reference = words_from_hex((row["hash"],))
    # 2 bits: the reference sums in float32, and a coefficient beside the median may fall over it.
    assert distances(ours.words[:1], reference).item() <= 2
    assert abs(ours.quality - row["quality"]) <= 1


@golden
def test_mirror_images_and_turns_are_those_of_the_reference(row: dict[str, Any]) -> None:
    ours = pdq_from_picture(_picture(row)).words

    nearest = distances(words_from_hex(tuple(row["dihedral_hashes"])), ours).min(axis=1)

    assert nearest.max() <= 2


def test_hex_and_words_are_the_same_hash() -> None:
    ours = pdq_from_picture(picture("shapes", 64, 64, 1))

    assert np.array_equal(words_from_hex((ours.hex,)), ours.words[:1])


def test_turned_picture_has_a_hash_of_the_original() -> None:
    original = picture("shapes", 96, 64, 1)
    for turned in (original[:, ::-1], original[::-1], np.rot90(original), np.rot90(original, 3)):
        turned_words = pdq_from_picture(turned).words

        assert distances(turned_words, pdq_from_picture(original).words[:1]).min() <= 2


@pytest.mark.parametrize(("height_px", "width_px"), [(64, 64), (90, 160), (4, 400)])
def test_flat_or_tiny_picture_has_no_quality(height_px: int, width_px: int) -> None:
    assert pdq_from_picture(picture("uniform", height_px, width_px, 120)).quality == 0
