"""The whole training, shortened to minutes: what a reader runs, with less of everything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from telecine_serve.embedded.training.__main__ import train
from telecine_serve.embedded.training.recipe import RECIPES

CHANCE = 1 / 6
"""Of six backgrounds."""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_shortened_training_learns_and_makes_a_whole_model(tmp_path: Path) -> None:
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        result = train(tmp_path, 0, RECIPES["short"], 1)
    finally:
        torch.set_num_threads(num_threads)

    vae = _log(tmp_path / "vae.jsonl")
    assert vae[-1]["psnr_db"] > vae[0]["psnr_db"] + 3  # its loss changes with the windows
    for stage in ("reader", "transformer"):
        log = _log(tmp_path / f"{stage}.jsonl")
        assert log[-1]["loss"] < 0.7 * log[0]["loss"], stage
    # What a prompt asks for shows up later, after some hundred steps of 32 clips: here, the VAE's.
    low, _high = result["groups"]["reconstructed"]["background"]["interval"]
    assert low > CHANCE, result["groups"]["reconstructed"]
    assert (tmp_path / "contact-sheet.png").stat().st_size > 1000
    assert (tmp_path / "curves.png").stat().st_size > 1000
    assert (tmp_path / "model" / "SHA256SUMS").is_file()


def _log(file: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in file.read_text().splitlines()]
