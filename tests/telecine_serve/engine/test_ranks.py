"""What a gang of two ranks does, told by one spawn of it; a first spawn is killed at work."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from telecine_platform.catalogue import card_from_name
from telecine_platform.errors import CollectiveError, JobCancelled, ModelError
from telecine_platform.storage.local import LocalStore
from telecine_serve.engine.adapters import Adapters
from telecine_serve.engine.checkpoint import Checkpoint, CheckpointWriter, clip_fingerprint
from telecine_serve.engine.checkpoint_store import CheckpointStore
from telecine_serve.engine.decode import decode_frames
from telecine_serve.engine.pipeline import Engine
from telecine_serve.engine.start import start_engine
from telecine_serve.engine.step_cache import relative_change
from telecine_serve.engine.step_control import StepControl
from telecine_serve.models.images import Images
from telecine_serve.models.load import load_model
from telecine_serve.parallel.axes import Axes
from telecine_serve.parallel.mesh import RankContext, arrange_ranks, close_ranks, init_ranks
from telecine_serve.parallel.placement import Placement
from tests.ranks import RankFailed, run_ranks
from tests.telecine_serve.engine.checkpoints import (
    NUM_STEPS,
    SCHEDULERS,
    CancelAt,
    CancelWithinStep,
    SaveAll,
    folders_by_scheduler,
)
from tests.telecine_serve.engine.conditioned import ON_RANKS, SPEC
from tests.telecine_serve.models.adapter_folder import write_adapter, write_merged
from tests.telecine_serve.models.variants import CARDS, write_variant
from tests.telecine_serve.specs import small_spec

_CPU = torch.device("cpu")
_GUIDED = 1e-4
"""Float32 after guidance, which amplifies rounding; as in `parallel/test_parity.py`."""
_CARD = card_from_name("embedded")
_LONG_SPEC = small_spec(num_steps=NUM_STEPS)
_ADAPTED_SPEC = small_spec(adapter="film")
_ADAPTERS = frozenset({"film"})
_CACHED_SPEC = small_spec(num_steps=12, step_cache=0.2)
_AXES = (Axes(tp_size=2), Axes(sp_size=2), Axes(cfg_size=2))
_PLACEMENTS = {"two-experts-i2v": Placement(are_all_experts_resident=False)}
"""Of the ranks; the one that they are compared with has all on its device."""
_STOPPED_AT = 3
_RATIO = 8
"""Pixels per latent of the embedded VAE."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Report:
    """What one rank saw."""

    latents_from_axes: dict[str, torch.Tensor]
    latents_from_variant: dict[tuple[str, str], torch.Tensor]
    """By a variant of the family and its axes."""
    frames_THWC: np.ndarray | None
    adapted_from_axes: dict[str, torch.Tensor]
    """With a LoRA adapter."""
    failed_alone: str
    """What this rank says when an adapter is damaged for rank 1 only."""
    tiled_THWC: np.ndarray | None
    tiled_stop: str
    """What stopped the decode of tiles when rank 1 cancelled."""
    outcomes: list[str]
    """What stopped this rank when rank 0, then rank 1, cancelled; last that it can go on."""
    cancel_s: list[tuple[float, float]]
    """How long this rank's own cancel took, and its longest step."""
    cached_from_axes: dict[str, tuple[float, torch.Tensor, int]]
    """With a step cache: a change that ranks see differently, latents, passes reused."""
    is_resumed_equal: dict[str, bool]
    """By scheduler."""
    disagreement: str


def _generate_until_killed(
    rank: int, world_size: int, port: int, folders: dict[str, Path], blobs: Path
) -> None:
    """Euler is cancelled after `_STOPPED_AT` steps, UniPC killed; both leave their checkpoints."""
    ranks = init_ranks(rank, world_size, "127.0.0.1", port, _CPU, timeout_s=60)
    store = CheckpointStore(LocalStore(blobs))
    for scheduler in SCHEDULERS:
        engine = start_engine(folders[scheduler], _CARD, _CPU, ranks)

        def save(checkpoint: Checkpoint, job_id: str = scheduler) -> None:
            store.save(job_id, checkpoint)

        control = (
            CancelAt(_STOPPED_AT, ranks) if scheduler == "euler" else _KillAt(_STOPPED_AT, ranks)
        )
        try:
            engine.denoise(_LONG_SPEC, control, checkpoints=CheckpointWriter(0, save, lambda: 0.0))
        except JobCancelled:
            continue


class _KillAt(StepControl):
    """Ends its process when `step` is done."""

    def __init__(self, step: int, ranks: RankContext) -> None:
        super().__init__(ranks)
        self._kill_at = step

    def at_boundary(self, step: int, num_steps: int) -> None:
        super().at_boundary(step, num_steps)
        if step == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)


def _work(
    rank: int,
    world_size: int,
    port: int,
    folders: dict[str, Path],
    variants: dict[str, Path],
    adapters: Path,
    blobs: Path,
) -> _Report:
    init_ranks(rank, world_size, "127.0.0.1", port, _CPU, timeout_s=60)
    latents_from_axes, latents_from_variant, cached_from_axes = {}, {}, {}
    adapted_from_axes = {}
    for axes in reversed(_AXES):
        ranks = arrange_ranks(axes, _CPU, timeout_s=60)
        engine = start_engine(
            folders["euler"], _CARD, _CPU, ranks, adapters=Adapters(adapters, _ADAPTERS, 2)
        )
        adapted_from_axes[str(axes)] = engine.denoise(_ADAPTED_SPEC, StepControl(ranks))
        latents_from_axes[str(axes)] = engine.denoise(small_spec(), StepControl(ranks))
        cached_from_axes[str(axes)] = _cached(engine, ranks)
        for name, images in ON_RANKS:
            latents_from_variant[name, str(axes)] = start_engine(
                variants[name], CARDS[name], _CPU, ranks, _PLACEMENTS.get(name, Placement())
            ).denoise(SPEC, StepControl(ranks), images=images)
    outcomes, cancel_s = _cancel_from_each_rank(engine, ranks)
    report = _Report(
        latents_from_axes=latents_from_axes,
        latents_from_variant=latents_from_variant,
        frames_THWC=engine.generate(small_spec(), StepControl(ranks)),
        adapted_from_axes=adapted_from_axes,
        failed_alone=_fail_alone(folders["euler"], adapters, ranks),
        tiled_THWC=_decode_tiled(folders["euler"], ranks),
        tiled_stop=_cancel_tiled(folders["euler"], ranks),
        outcomes=outcomes,
        cancel_s=cancel_s,
        cached_from_axes=cached_from_axes,
        is_resumed_equal={
            name: _is_resumed_equal(start_engine(folder, _CARD, _CPU, ranks), ranks, name, blobs)
            for name, folder in folders.items()
        },
        disagreement=_resume_on_one_rank_only(engine, ranks),
    )
    close_ranks()
    return report


def _cancel_from_each_rank(
    engine: Engine, ranks: RankContext
) -> tuple[list[str], list[tuple[float, float]]]:
    outcomes, times_s = [], []
    for canceller, step in ((0, 1), (1, 3)):
        asking = CancelWithinStep(step, ranks) if ranks.rank == canceller else None
        try:
            engine.generate(_LONG_SPEC, asking or StepControl(ranks))
        except JobCancelled as error:
            outcomes.append(str(error))
        if asking is not None and asking.asked_at_s is not None:
            times_s.append((time.monotonic() - asking.asked_at_s, asking.longest_step_s))
    engine.generate(small_spec(), StepControl(ranks))
    return [*outcomes, "goes on"], times_s


def _fail_alone(folder: Path, adapters: Path, ranks: RankContext) -> str:
    elsewhere = adapters if ranks.is_leader else adapters / "nowhere"
    engine = start_engine(folder, _CARD, _CPU, ranks, adapters=Adapters(elsewhere, _ADAPTERS, 2))
    try:
        engine.denoise(_ADAPTED_SPEC, StepControl(ranks))
    except ModelError as error:
        return str(error)
    return ""


def _cancel_tiled(folder: Path, ranks: RankContext) -> str:
    control = StepControl(ranks)
    if not ranks.is_leader:
        control.cancel()
    try:
        _decode_tiled(folder, ranks, control)
    except JobCancelled as error:
        return str(error)
    return ""


def _decode_tiled(
    folder: Path, ranks: RankContext | None, control: StepControl | None = None
) -> np.ndarray | None:
    """Nine tiles, those at the edges smaller ones."""
    placement = Placement(is_decode_tiled=True)
    decoder = load_model(folder, _CARD, torch.float32, _CPU, ranks, placement).decoder
    assert decoder is not None
    vae = decoder.vae
    vae.enable_tiling(32, 32, 24, 24)
    shape_BCTHW = (1, vae.config.z_dim, 2, 64 // _RATIO, 64 // _RATIO)
    latents_BCTHW = torch.randn(shape_BCTHW, generator=torch.Generator().manual_seed(3))
    return decode_frames(decoder, latents_BCTHW, control or StepControl(ranks), ranks)


def _cached(engine: Engine, ranks: RankContext) -> tuple[float, torch.Tensor, int]:
    """Each rank sees another change: alone, one would reuse and the other not."""
    before_BSD = torch.ones(1, 4, 3)
    change = relative_change(
        before_BSD * (1 + ranks.rank), before_BSD, torch.ones(1, 4, 1, dtype=torch.bool), ranks
    )
    control = StepControl(ranks)
    latents_BCTHW = engine.denoise(_CACHED_SPEC, control)
    return change, latents_BCTHW, control.progress().num_reused


def _is_resumed_equal(engine: Engine, ranks: RankContext, job_id: str, blobs: Path) -> bool:
    store = CheckpointStore(LocalStore(blobs))
    checkpoint = store.latest(job_id, clip_fingerprint(_LONG_SPEC, _CARD))
    assert checkpoint is not None
    assert checkpoint.step == _STOPPED_AT
    whole_BCTHW = engine.denoise(_LONG_SPEC, StepControl(ranks))
    resumed_BCTHW = engine.denoise(_LONG_SPEC, StepControl(ranks), resume_from=checkpoint)
    return torch.equal(whole_BCTHW, resumed_BCTHW)


def _resume_on_one_rank_only(engine: Engine, ranks: RankContext) -> str:
    saved = SaveAll()
    engine.denoise(small_spec(), StepControl(ranks), checkpoints=saved.writer)
    resume_from = saved.checkpoints[0] if ranks.is_leader else None
    try:
        engine.denoise(small_spec(), StepControl(ranks), resume_from=resume_from)
    except CollectiveError as error:
        return str(error)
    return ""


@pytest.fixture(scope="module")
def variants(embedded_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("variants")
    return {name: write_variant(embedded_folder, folder / name, name) for name, _ in ON_RANKS}


@pytest.fixture(scope="module")
def adapters(embedded_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_adapter(embedded_folder, tmp_path_factory.mktemp("adapters"))


@pytest.fixture(scope="module")
def two_ranks(
    embedded_folder: Path,
    variants: dict[str, Path],
    adapters: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[_Report, _Report]:
    """Two ranks at work, with the checkpoints that two others left behind."""
    folder = tmp_path_factory.mktemp("two-ranks")
    folders = folders_by_scheduler(embedded_folder, folder)
    with pytest.raises(RankFailed, match="died without a word"):
        run_ranks(_generate_until_killed, 2, folders, folder / "blobs")
    first, second = run_ranks(_work, 2, folders, variants, adapters, folder / "blobs")
    return first, second


@pytest.fixture(scope="module")
def alone(embedded_folder: Path) -> Engine:
    return start_engine(embedded_folder, _CARD, _CPU)


@pytest.mark.slow
@pytest.mark.parametrize("axes", _AXES, ids=str)
def test_two_ranks_make_the_latents_of_one_rank(
    alone: Engine, two_ranks: tuple[_Report, _Report], axes: Axes
) -> None:
    first_BCTHW, second_BCTHW = (rank.latents_from_axes[str(axes)] for rank in two_ranks)

    expected_BCTHW = alone.denoise(small_spec(), StepControl())
    assert (first_BCTHW - expected_BCTHW).abs().max() <= _GUIDED
    assert torch.equal(first_BCTHW, second_BCTHW)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "images"), ON_RANKS)
def test_two_ranks_make_the_latents_of_one_rank_from_pictures(
    variants: dict[str, Path], two_ranks: tuple[_Report, _Report], name: str, images: Images
) -> None:
    one_rank = start_engine(variants[name], CARDS[name], _CPU)

    expected_BCTHW = one_rank.denoise(SPEC, StepControl(), images=images)
    for axes in map(str, _AXES):
        first_BCTHW, second_BCTHW = (rank.latents_from_variant[name, axes] for rank in two_ranks)
        assert (first_BCTHW - expected_BCTHW).abs().max() <= _GUIDED, axes
        assert torch.equal(first_BCTHW, second_BCTHW), axes


@pytest.mark.slow
def test_leader_makes_the_frames_of_one_rank_and_its_peer_none(
    alone: Engine, two_ranks: tuple[_Report, _Report]
) -> None:
    leader, peer = two_ranks

    expected_THWC = alone.generate(small_spec(), StepControl())
    assert expected_THWC is not None
    assert leader.frames_THWC is not None
    assert np.abs(leader.frames_THWC.astype(int) - expected_THWC.astype(int)).max() <= 1
    assert peer.frames_THWC is None


@pytest.mark.slow
def test_two_ranks_with_an_adapter_make_the_latents_of_merged_weights(
    embedded_folder: Path, adapters: Path, two_ranks: tuple[_Report, _Report], tmp_path: Path
) -> None:
    merged = write_merged(embedded_folder, adapters, tmp_path / "merged")

    expected_BCTHW = start_engine(merged, _CARD, _CPU).denoise(small_spec(), StepControl())
    for axes in map(str, _AXES):
        first_BCTHW, second_BCTHW = (rank.adapted_from_axes[axes] for rank in two_ranks)
        assert (first_BCTHW - expected_BCTHW).abs().max() <= _GUIDED, axes
        assert torch.equal(first_BCTHW, second_BCTHW), axes


@pytest.mark.slow
def test_adapter_that_one_rank_cannot_load_is_used_by_none(
    two_ranks: tuple[_Report, _Report],
) -> None:
    leader, peer = two_ranks

    assert "another rank cannot load the adapter 'film'" in leader.failed_alone
    assert "has no transformer.safetensors" in peer.failed_alone


@pytest.mark.slow
def test_tiles_on_two_ranks_make_the_frames_of_diffusers_own_tiled_decode(
    embedded_folder: Path, two_ranks: tuple[_Report, _Report]
) -> None:
    leader, peer = two_ranks

    expected_THWC = _decode_tiled(embedded_folder, None)
    assert leader.tiled_THWC is not None
    assert expected_THWC is not None
    assert expected_THWC.shape == (5, 64, 64, 3)
    assert np.array_equal(leader.tiled_THWC, expected_THWC)
    assert peer.tiled_THWC is None
    assert leader.tiled_stop == peer.tiled_stop == "cancelled while the clip was decoded"


@pytest.mark.slow
def test_cancel_on_any_rank_stops_all_at_the_same_boundary(
    two_ranks: tuple[_Report, _Report],
) -> None:
    expected = ["cancelled after 2 of 6 steps", "cancelled after 4 of 6 steps", "goes on"]
    assert [rank.outcomes for rank in two_ranks] == [expected, expected]


@pytest.mark.slow
def test_cancelled_gang_is_free_within_a_step_and_a_second(
    two_ranks: tuple[_Report, _Report],
) -> None:
    for rank in two_ranks:
        ((cancel_s, longest_step_s),) = rank.cancel_s
        print(f"free after {cancel_s:.3f} s, the longest step took {longest_step_s:.3f} s")
        assert cancel_s <= longest_step_s + 1.0


@pytest.mark.slow
@pytest.mark.parametrize("axes", _AXES, ids=str)
def test_ranks_with_a_step_cache_leave_out_the_same_as_one_rank(
    alone: Engine, two_ranks: tuple[_Report, _Report], axes: Axes
) -> None:
    (first, first_BCTHW, first_num), (second, second_BCTHW, second_num) = (
        rank.cached_from_axes[str(axes)] for rank in two_ranks
    )

    control = StepControl()
    expected_BCTHW = alone.denoise(_CACHED_SPEC, control)
    num_of_one_rank = control.progress().num_reused
    assert 0 < num_of_one_rank < 2 * (_CACHED_SPEC.num_steps - 1)
    assert (first_BCTHW - expected_BCTHW).abs().max() <= _GUIDED
    assert torch.equal(first_BCTHW, second_BCTHW)
    if axes.cfg_size == 2:  # each rank predicts a half, and decides for it
        assert first_num + second_num == num_of_one_rank
        assert (first, second) == (0.0, 1.0)
    else:
        assert first_num == second_num == num_of_one_rank
        assert first == second == 0.5


@pytest.mark.slow
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_another_gang_resumes_what_a_dead_one_left_bit_for_bit(
    two_ranks: tuple[_Report, _Report], scheduler: str
) -> None:
    assert all(rank.is_resumed_equal[scheduler] for rank in two_ranks)


@pytest.mark.slow
def test_ranks_that_resume_from_different_steps_raise(two_ranks: tuple[_Report, _Report]) -> None:
    for rank in two_ranks:
        assert "the ranks disagree on the first step: 0 to 1" in rank.disagreement


def _generate_alone(rank: int, world_size: int, port: int, folder: Path) -> torch.Tensor:
    ranks = init_ranks(rank, world_size, "127.0.0.1", port, _CPU, timeout_s=60)
    engine = start_engine(folder, _CARD, _CPU, ranks)
    latents_BCTHW = engine.denoise(small_spec(), StepControl(ranks))
    close_ranks()
    return latents_BCTHW


@pytest.mark.slow
def test_gang_of_one_rank_makes_the_same_clip(alone: Engine, embedded_folder: Path) -> None:
    (latents_BCTHW,) = run_ranks(_generate_alone, 1, embedded_folder)

    expected_BCTHW = alone.denoise(small_spec(), StepControl())
    assert (latents_BCTHW - expected_BCTHW).abs().max() <= 1e-5
