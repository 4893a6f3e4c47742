"""Embedded descriptions are kept on disk, and a bad file costs only time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from telecine_serve.screening.stored import StoredEmbed


class CountingModel:
    """Gives each text a row of its own and counts what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.asked += texts
        angles = np.array([len(text) for text in texts], dtype=np.float32)
        return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def test_next_process_embeds_only_what_is_new(tmp_path: Path) -> None:
    file = tmp_path / "cards" / "rows.npz"
    first = StoredEmbed(CountingModel(), file)(["a cat", "a white dog", "a cat"])
    model = CountingModel()
    second = StoredEmbed(model, file)(["a white dog", "an owl"])
    assert model.asked == ["an owl"]
    assert np.array_equal(second[0], first[1])
    assert np.array_equal(first[0], first[2])
    assert [path.name for path in file.parent.iterdir()] == ["rows.npz"]
    assert b"white dog" not in file.read_bytes()


def test_what_is_no_longer_asked_is_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "rows.npz"
    StoredEmbed(CountingModel(), file)(["a cat"])
    StoredEmbed(CountingModel(), file)(["a dog"])
    model = CountingModel()
    StoredEmbed(model, file)(["a cat"])
    assert model.asked == ["a cat"]


@pytest.mark.parametrize("damage", ["cut", "flipped", "other", "empty"])
def test_damaged_file_is_made_anew(tmp_path: Path, damage: str) -> None:
    file = tmp_path / "rows.npz"
    texts = ["a cat", "a dog"]
    right = StoredEmbed(CountingModel(), file)(texts)
    content = file.read_bytes()
    middle = content.index(b"NUMPY") + 130
    file.write_bytes(
        {
            "cut": content[: len(content) // 2],
            "flipped": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
            "other": b"no archive at all",
            "empty": b"",
        }[damage]
    )
    model = CountingModel()
    assert np.array_equal(StoredEmbed(model, file)(texts), right)
    assert model.asked == texts


def test_folder_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    rows = StoredEmbed(CountingModel(), tmp_path / "file" / "rows.npz")(["a cat"])
    assert rows.shape == (1, 2)
