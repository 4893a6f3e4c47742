"""What a gang of two ranks makes of the LTX family, told by one spawn of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from telecine_platform.storage.local import LocalStore
from telecine_serve.engine.adapters import Adapters
from telecine_serve.engine.checkpoint import CheckpointWriter, clip_fingerprint
from telecine_serve.engine.checkpoint_store import CheckpointStore
from telecine_serve.engine.decode import decode_frames
from telecine_serve.engine.pipeline import Engine
from telecine_serve.engine.start import start_engine
from telecine_serve.engine.step_control import StepControl
from telecine_serve.models.load import load_model
from telecine_serve.parallel.axes import Axes
from telecine_serve.parallel.mesh import RankContext, arrange_ranks, close_ranks, init_ranks
from telecine_serve.parallel.placement import Placement
from tests.ranks import run_ranks
from tests.telecine_serve.models.adapter_folder import LTX_LAYERS, write_adapter, write_merged
from tests.telecine_serve.models.ltx_folder import CARD, FIRST, SPEC, write_ltx

_CPU = torch.device("cpu")
_GUIDED = 1e-4
"""Float32 after guidance, which amplifies rounding; as in `parallel/test_parity.py`."""
_AXES = (Axes(tp_size=2), Axes(sp_size=2), Axes(cfg_size=2))
_ADAPTED = replace(SPEC, adapter="film")
_CACHED = replace(SPEC, num_steps=8, step_cache=0.2)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Report:
    """What one rank saw; latents by axes."""

    plain: dict[str, torch.Tensor]
    from_picture: dict[str, torch.Tensor]
    adapted: dict[str, torch.Tensor]
    cached: dict[str, tuple[torch.Tensor, int]]
    """And the passes that were left out."""
    is_resumed_equal: bool
    """From the last checkpoint, at tp2."""
    frames_THWC: np.ndarray | None
    tiled_THWC: np.ndarray | None


def _work(
    rank: int, world_size: int, port: int, folder: Path, adapters: Path, blobs: Path
) -> _Report:
    init_ranks(rank, world_size, "127.0.0.1", port, _CPU, timeout_s=60)
    plain, from_picture, adapted, cached = {}, {}, {}, {}
    for axes in reversed(_AXES):  # tp2 last
        ranks = arrange_ranks(axes, _CPU, timeout_s=60)
        engine = _start(folder, adapters, ranks)
        plain[str(axes)] = engine.denoise(SPEC, StepControl(ranks))
        from_picture[str(axes)] = engine.denoise(SPEC, StepControl(ranks), images=FIRST)
        adapted[str(axes)] = engine.denoise(_ADAPTED, StepControl(ranks))
        control = StepControl(ranks)
        latents_BCTHW = engine.denoise(_CACHED, control)
        cached[str(axes)] = latents_BCTHW, control.progress().num_reused
    store = CheckpointStore(LocalStore(blobs))
    writer = CheckpointWriter(0, lambda checkpoint: store.save("job", checkpoint), lambda: 0.0)
    engine.denoise(SPEC, StepControl(ranks), checkpoints=writer)
    checkpoint = store.latest("job", clip_fingerprint(SPEC, CARD))
    assert checkpoint is not None
    resumed_BCTHW = engine.denoise(SPEC, StepControl(ranks), resume_from=checkpoint)
    report = _Report(
        plain=plain,
        from_picture=from_picture,
        adapted=adapted,
        cached=cached,
        is_resumed_equal=torch.equal(resumed_BCTHW, plain[str(_AXES[0])]),
        frames_THWC=engine.generate(SPEC, StepControl(ranks)),
        tiled_THWC=_decode_tiled(folder, ranks),
    )
    close_ranks()
    return report


def _start(folder: Path, adapters: Path, ranks: RankContext | None) -> Engine:
    return start_engine(
        folder, CARD, _CPU, ranks, adapters=Adapters(adapters, frozenset({"film"}), 1)
    )


def _decode_tiled(folder: Path, ranks: RankContext | None) -> np.ndarray | None:
    """Nine tiles, those at the edges smaller ones."""
    placement = Placement(is_decode_tiled=True)
    decoder = load_model(folder, CARD, torch.float32, _CPU, ranks, placement).decoder
    assert decoder is not None
    decoder.vae.enable_tiling(64, 64, None, 32, 32)
    latents_BCTHW = torch.randn(1, 8, 2, 3, 3, generator=torch.Generator().manual_seed(3))
    return decode_frames(decoder, latents_BCTHW, StepControl(ranks), ranks)


@pytest.fixture(scope="module")
def folder(embedded_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_ltx(embedded_folder, tmp_path_factory.mktemp("ltx") / "model")


@pytest.fixture(scope="module")
def adapters(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_adapter(folder, tmp_path_factory.mktemp("adapters"), LTX_LAYERS)


@pytest.fixture(scope="module")
def alone(folder: Path, adapters: Path) -> Engine:
    return _start(folder, adapters, None)


@pytest.fixture(scope="module")
def two_ranks(
    folder: Path, adapters: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[_Report, _Report]:
    first, second = run_ranks(_work, 2, folder, adapters, tmp_path_factory.mktemp("blobs"))
    return first, second


@pytest.mark.slow
@pytest.mark.parametrize("axes", _AXES, ids=str)
def test_two_ranks_make_the_latents_of_one_rank(
    alone: Engine, two_ranks: tuple[_Report, _Report], axes: Axes
) -> None:
    first_BCTHW, second_BCTHW = (rank.plain[str(axes)] for rank in two_ranks)

    expected_BCTHW = alone.denoise(SPEC, StepControl())
    assert (first_BCTHW - expected_BCTHW).abs().max() <= _GUIDED
    assert torch.equal(first_BCTHW, second_BCTHW)


@pytest.mark.slow
@pytest.mark.parametrize("axes", _AXES, ids=str)
def test_two_ranks_make_the_latents_of_one_rank_from_a_picture(
    alone: Engine, two_ranks: tuple[_Report, _Report], axes: Axes
) -> None:
    first_BCTHW, second_BCTHW = (rank.from_picture[str(axes)] for rank in two_ranks)

    expected_BCTHW = alone.denoise(SPEC, StepControl(), images=FIRST)
    assert (first_BCTHW - expected_BCTHW).abs().max() <= _GUIDED
    assert torch.equal(first_BCTHW, second_BCTHW)


@pytest.mark.slow
def test_two_ranks_with_an_adapter_make_the_latents_of_merged_weights(
    folder: Path, adapters: Path, two_ranks: tuple[_Report, _Report], tmp_path: Path
) -> None:
    merged = write_merged(folder, adapters, tmp_path / "merged", LTX_LAYERS)

    expected_BCTHW = start_engine(merged, CARD, _CPU).denoise(SPEC, StepControl())
    for axes in map(str, _AXES):
        first_BCTHW, second_BCTHW = (rank.adapted[axes] for rank in two_ranks)
        assert (first_BCTHW - expected_BCTHW).abs().max() <= _GUIDED, axes
        assert torch.equal(first_BCTHW, second_BCTHW), axes
        assert (first_BCTHW - two_ranks[0].plain[axes]).abs().max() > 10 * _GUIDED, axes


@pytest.mark.slow
@pytest.mark.parametrize("axes", _AXES, ids=str)
def test_ranks_with_a_step_cache_leave_out_the_same_as_one_rank(
    alone: Engine, two_ranks: tuple[_Report, _Report], axes: Axes
) -> None:
    (first_BCTHW, first_num), (second_BCTHW, second_num) = (
        rank.cached[str(axes)] for rank in two_ranks
    )

    control = StepControl()
    expected_BCTHW = alone.denoise(_CACHED, control)
    num_of_one_rank = control.progress().num_reused
    assert 0 < num_of_one_rank < 2 * (_CACHED.num_steps - 1)
    assert (first_BCTHW - expected_BCTHW).abs().max() <= _GUIDED
    assert torch.equal(first_BCTHW, second_BCTHW)
    if axes.cfg_size == 2:  # each rank predicts a half, and decides for it
        assert first_num + second_num == num_of_one_rank
    else:
        assert first_num == second_num == num_of_one_rank


@pytest.mark.slow
def test_gang_resumes_bit_for_bit(two_ranks: tuple[_Report, _Report]) -> None:
    assert all(rank.is_resumed_equal for rank in two_ranks)


@pytest.mark.slow
def test_leader_makes_the_frames_of_one_rank_whole_and_in_tiles(
    alone: Engine, folder: Path, two_ranks: tuple[_Report, _Report]
) -> None:
    leader, peer = two_ranks

    expected_THWC = alone.generate(SPEC, StepControl())
    assert expected_THWC is not None
    assert leader.frames_THWC is not None
    assert np.abs(leader.frames_THWC.astype(int) - expected_THWC.astype(int)).max() <= 1
    tiled_THWC = _decode_tiled(folder, None)
    assert tiled_THWC is not None
    assert leader.tiled_THWC is not None
    assert np.array_equal(leader.tiled_THWC, tiled_THWC)
    assert peer.frames_THWC is None
    assert peer.tiled_THWC is None
