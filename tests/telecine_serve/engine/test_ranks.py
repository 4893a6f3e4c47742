from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from telecine_platform.catalogue import card_from_name
from telecine_platform.errors import JobCancelled
from telecine_serve.engine.start import start_engine
from telecine_serve.engine.step_control import StepControl
from telecine_serve.parallel.mesh import RankContext, close_ranks, init_ranks
from tests.ranks import run_ranks
from tests.telecine_serve.specs import small_spec

_CPU = torch.device("cpu")


def _generate(
    rank: int, world_size: int, port: int, folder: Path
) -> tuple[torch.Tensor, np.ndarray | None]:
    """This rank's latents and frames of the small clip."""
    ranks = init_ranks(rank, world_size, "127.0.0.1", port, _CPU, timeout_s=60)
    engine = start_engine(folder, card_from_name("embedded"), _CPU, ranks)
    latents_BCTHW = engine.denoise(small_spec(), StepControl(ranks))
    frames_THWC = engine.generate(small_spec(), StepControl(ranks))
    close_ranks()
    return latents_BCTHW, frames_THWC


@pytest.mark.slow
def test_two_ranks_make_the_clip_of_one_rank(embedded_folder: Path) -> None:
    alone = start_engine(embedded_folder, card_from_name("embedded"), _CPU)
    expected_BCTHW = alone.denoise(small_spec(), StepControl())
    expected_THWC = alone.generate(small_spec(), StepControl())
    assert expected_THWC is not None

    (latents_BCTHW, frames_THWC), (peers_BCTHW, no_frames) = run_ranks(
        _generate, 2, embedded_folder
    )

    assert (latents_BCTHW - expected_BCTHW).abs().max() <= 1e-5
    assert torch.equal(latents_BCTHW, peers_BCTHW)
    assert np.abs(frames_THWC.astype(int) - expected_THWC.astype(int)).max() <= 1
    assert no_frames is None


class _CancelAt(StepControl):
    """Cancels itself when `step` is done."""

    def __init__(self, ranks: RankContext, step: int) -> None:
        super().__init__(ranks)
        self._cancel_at = step

    def at_boundary(self, step: int, num_steps: int) -> None:
        if step == self._cancel_at:
            self.cancel()
        super().at_boundary(step, num_steps)


def _cancel_from_each_rank(rank: int, world_size: int, port: int, folder: Path) -> list[str]:
    """What stopped this rank when rank 0, then rank 1, cancelled; last that it can go on."""
    ranks = init_ranks(rank, world_size, "127.0.0.1", port, _CPU, timeout_s=60)
    engine = start_engine(folder, card_from_name("embedded"), _CPU, ranks)
    outcomes = []
    for canceller, step in ((0, 2), (1, 4)):
        control = _CancelAt(ranks, step) if rank == canceller else StepControl(ranks)
        try:
            engine.generate(small_spec(num_steps=6), control)
        except JobCancelled as error:
            outcomes.append(str(error))
    engine.generate(small_spec(), StepControl(ranks))
    close_ranks()
    return [*outcomes, "goes on"]


@pytest.mark.slow
def test_cancel_on_any_rank_stops_all_at_the_same_boundary(embedded_folder: Path) -> None:
    results = run_ranks(_cancel_from_each_rank, 2, embedded_folder)

    expected = ["cancelled after 2 of 6 steps", "cancelled after 4 of 6 steps", "goes on"]
    assert results == [expected, expected]


@pytest.mark.slow
def test_gang_of_one_rank_makes_the_same_clip(embedded_folder: Path) -> None:
    alone = start_engine(embedded_folder, card_from_name("embedded"), _CPU)

    ((latents_BCTHW, frames_THWC),) = run_ranks(_generate, 1, embedded_folder)

    expected_BCTHW = alone.denoise(small_spec(), StepControl())
    assert (latents_BCTHW - expected_BCTHW).abs().max() <= 1e-5
    assert frames_THWC is not None
