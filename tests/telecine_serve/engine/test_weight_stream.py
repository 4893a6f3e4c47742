"""Weights that wait on the host change what a rank holds, not what comes out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch

from telecine_platform.catalogue import card_from_name
from telecine_platform.errors import GangBroken, JobCancelled, PlanError
from telecine_serve.engine.adapters import Adapters
from telecine_serve.engine.checkpoint import read_checkpoint, write_checkpoint
from telecine_serve.engine.pipeline import Engine
from telecine_serve.engine.start import start_engine
from telecine_serve.engine.step_control import StepControl
from telecine_serve.models.load import load_model
from telecine_serve.parallel.axes import Axes
from telecine_serve.parallel.mesh import RankContext, arrange_ranks, close_ranks, init_ranks
from telecine_serve.parallel.placement import Placement
from tests.ranks import run_ranks
from tests.telecine_serve.engine.checkpoints import CancelAt, SaveAll
from tests.telecine_serve.engine.conditioned import ON_RANKS, SPEC
from tests.telecine_serve.models.adapter_folder import write_adapter
from tests.telecine_serve.models.ltx_folder import CARD as LTX_CARD
from tests.telecine_serve.models.ltx_folder import SPEC as LTX_SPEC
from tests.telecine_serve.models.ltx_folder import write_ltx
from tests.telecine_serve.models.variants import CARDS, write_variant
from tests.telecine_serve.specs import small_spec

_CPU = torch.device("cpu")
_CARD = card_from_name("embedded")
_TOLERANCE = 1e-5
_STREAMED = Placement(are_weights_streamed=True)
_AXES = (Axes(cfg_size=2), Axes(sp_size=2))
_VARIANT = "two-experts-i2v"
_IMAGES = dict(ON_RANKS)[_VARIANT]
_ADAPTERS = frozenset({"film"})
_SPECS = {
    "plain": small_spec(),
    "adapter": small_spec(adapter="film"),
    "cached": small_spec(num_steps=12, step_cache=0.2),
    "plain again": small_spec(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Report:
    """What one rank saw."""

    latents: dict[tuple[str, str], torch.Tensor]
    """By axes and kind of request."""
    of_experts: dict[str, torch.Tensor]
    """By axes, of a model with two experts."""
    resumed_BCTHW: torch.Tensor
    """From what a rank of its own had saved."""
    of_ltx: torch.Tensor
    of_bf16: torch.Tensor
    """By weights in bfloat16, but for those that diffusers keeps in float32."""
    num_dtypes: int
    num_reused: dict[str, int]
    """By axes."""
    held_bytes: int
    """Of the transformer, in this rank's memory."""
    whole_bytes: int
    """Of it that are whole while nothing computes."""
    stopped: str
    """What it says when it is cancelled."""
    alone: str
    """What it says when the other rank is gone."""


def _work(
    rank: int,
    world_size: int,
    port: int,
    folder: Path,
    variant: Path,
    ltx: Path,
    adapters: Path,
    saved: Path,
) -> _Report:
    init_ranks(rank, world_size, "127.0.0.1", port, _CPU, timeout_s=60)
    latents, of_experts, num_reused = {}, {}, {}
    for axes in _AXES:
        ranks = arrange_ranks(axes, _CPU, timeout_s=60)
        engine = _start(folder, adapters, ranks)
        stopped = _cancel(engine, ranks)
        for name, spec in _SPECS.items():
            control = StepControl(ranks)
            latents[str(axes), name] = engine.denoise(spec, control)
            if spec.step_cache:
                num_reused[str(axes)] = control.progress().num_reused
        of_experts[str(axes)] = start_engine(
            variant, CARDS[_VARIANT], _CPU, ranks, _STREAMED
        ).denoise(SPEC, StepControl(ranks), images=_IMAGES)
    mixed = load_model(folder, _CARD, torch.bfloat16, _CPU, ranks, _STREAMED)
    transformer: Any = engine.model.experts[0].transformer
    parameters = list(transformer.parameters())
    report = _Report(
        latents=latents,
        of_experts=of_experts,
        resumed_BCTHW=engine.denoise(
            small_spec(), StepControl(ranks), resume_from=read_checkpoint(saved)
        ),
        of_ltx=start_engine(ltx, LTX_CARD, _CPU, ranks, _STREAMED).denoise(
            LTX_SPEC, StepControl(ranks)
        ),
        num_reused=num_reused,
        of_bf16=Engine(mixed, ranks).denoise(small_spec(), StepControl(ranks)),
        num_dtypes=len({part.dtype for part in mixed.experts[0].transformer.parameters()}),
        held_bytes=sum(parameter.ds_tensor.nbytes for parameter in parameters),
        whole_bytes=sum(parameter.nbytes for parameter in parameters),
        stopped=stopped,
        alone=_go_on_alone(transformer) if ranks.is_leader else "",
    )
    close_ranks()
    return report


def _cancel(engine: Engine, ranks: RankContext) -> str:
    try:
        engine.denoise(small_spec(), CancelAt(1, ranks))
    except JobCancelled as error:
        return str(error)
    return ""


def _go_on_alone(transformer: Any) -> str:  # Any: diffusers ships no types
    layer = transformer.condition_embedder.time_embedder.linear_1
    try:
        layer(torch.zeros(1, layer.in_features))
    except GangBroken as error:
        return str(error)
    return ""


def _start(folder: Path, adapters: Path, ranks: RankContext | None) -> Engine:
    """Streamed weights are not compiled, whatever the settings say."""
    placement = Placement() if ranks is None else _STREAMED
    allowed = Adapters(adapters, _ADAPTERS, 2)
    is_streamed = placement.are_weights_streamed
    with mock.patch("telecine_serve.engine.start.warm_up", side_effect=AssertionError):
        return start_engine(
            folder, _CARD, _CPU, ranks, placement, allowed, compile_blocks=is_streamed
        )


@pytest.fixture(scope="module")
def variant(embedded_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_variant(embedded_folder, tmp_path_factory.mktemp("stream") / _VARIANT, _VARIANT)


@pytest.fixture(scope="module")
def ltx(embedded_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_ltx(embedded_folder, tmp_path_factory.mktemp("ltx") / "model")


@pytest.fixture(scope="module")
def adapters(embedded_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_adapter(embedded_folder, tmp_path_factory.mktemp("adapters"))


@pytest.fixture(scope="module")
def saved(alone: Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint after the first step."""
    path = tmp_path_factory.mktemp("saved") / "checkpoint.safetensors"
    every_step = SaveAll()
    alone.denoise(small_spec(), StepControl(), checkpoints=every_step.writer)
    write_checkpoint(path, every_step.checkpoints[0])
    return path


@pytest.fixture(scope="module")
def reports(
    embedded_folder: Path, variant: Path, ltx: Path, adapters: Path, saved: Path
) -> list[_Report]:
    reports: list[_Report] = run_ranks(_work, 2, embedded_folder, variant, ltx, adapters, saved)
    return reports


@pytest.fixture(scope="module")
def alone(embedded_folder: Path, adapters: Path) -> Engine:
    return _start(embedded_folder, adapters, None)


@pytest.mark.slow
@pytest.mark.parametrize("axes", _AXES, ids=str)
@pytest.mark.parametrize("name", _SPECS)
def test_ranks_that_stream_weights_make_the_latents_of_one_rank(
    reports: list[_Report], alone: Engine, axes: Axes, name: str
) -> None:
    expected_BCTHW = alone.denoise(_SPECS[name], StepControl())

    for report in reports:
        assert (report.latents[str(axes), name] - expected_BCTHW).abs().max() <= _TOLERANCE


@pytest.mark.slow
def test_clip_goes_on_where_a_gang_without_streams_was(
    reports: list[_Report], alone: Engine
) -> None:
    expected_BCTHW = alone.denoise(small_spec(), StepControl())

    for report in reports:
        assert torch.equal(report.resumed_BCTHW, expected_BCTHW)


@pytest.mark.slow
@pytest.mark.parametrize("axes", _AXES, ids=str)
def test_experts_are_streamed_each_in_its_steps(
    reports: list[_Report], variant: Path, axes: Axes
) -> None:
    engine = start_engine(variant, CARDS[_VARIANT], _CPU)
    expected_BCTHW = engine.denoise(SPEC, StepControl(), images=_IMAGES)

    for report in reports:
        assert (report.of_experts[str(axes)] - expected_BCTHW).abs().max() <= _TOLERANCE


@pytest.mark.slow
def test_other_family_streams_its_weights_too(reports: list[_Report], ltx: Path) -> None:
    expected_BCTHW = start_engine(ltx, LTX_CARD, _CPU).denoise(LTX_SPEC, StepControl())

    for report in reports:
        assert (report.of_ltx - expected_BCTHW).abs().max() <= _TOLERANCE


@pytest.mark.slow
def test_weights_of_two_types_are_streamed_side_by_side(
    reports: list[_Report], embedded_folder: Path
) -> None:
    model = load_model(embedded_folder, _CARD, torch.bfloat16, _CPU)
    expected_BCTHW = Engine(model).denoise(small_spec(), StepControl())

    for report in reports:
        assert report.num_dtypes == 2
        assert torch.equal(report.of_bf16, expected_BCTHW)


@pytest.mark.slow
def test_step_cache_shortens_passes_whose_halves_decide_for_themselves(
    reports: list[_Report],
) -> None:
    """On two ranks each: had one gathered less than the other, both would wait for ever."""
    for axes in _AXES:
        assert all(report.num_reused[str(axes)] > 0 for report in reports)


@pytest.mark.slow
def test_rank_holds_half_of_the_weights_and_none_whole(
    reports: list[_Report], alone: Engine
) -> None:
    parameters = alone.model.experts[0].transformer.parameters()
    half_bytes = sum(parameter.nbytes for parameter in parameters) / 2

    for report in reports:
        assert half_bytes <= report.held_bytes <= 1.001 * half_bytes
        assert report.whole_bytes == 0


@pytest.mark.slow
def test_ranks_that_stream_weights_stop_and_go_on(reports: list[_Report]) -> None:
    """All of their clips were made after one that was cancelled."""
    assert {report.stopped for report in reports} == {"cancelled after 1 of 3 steps"}


@pytest.mark.slow
def test_lost_peer_is_told_as_a_broken_gang(reports: list[_Report]) -> None:
    assert reports[0].alone.startswith("gathering weights over ranks [0, 1] failed")


def test_weights_are_streamed_by_a_gang_only(embedded_folder: Path) -> None:
    with pytest.raises(PlanError, match="there is no gang"):
        start_engine(embedded_folder, _CARD, _CPU, placement=_STREAMED)
