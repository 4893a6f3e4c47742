"""The formulas give the numbers worked out by hand in facts/engine.md, section 9."""

from __future__ import annotations

from dataclasses import replace

import pytest

from telecine_platform.catalogue import CATALOGUE
from telecine_platform.scheduling.price import formula_gpu_s
from telecine_serve.models.architectures import ARCHITECTURES
from telecine_serve.parallel.architecture import (
    ClipShape,
    expert_bytes,
    latent_bytes,
    num_tokens,
)
from telecine_serve.parallel.axes import Axes
from telecine_serve.parallel.calibration import CALIBRATION
from telecine_serve.parallel.cost_model import (
    forward_flops,
    host_bytes,
    memory_of,
    step_seconds,
    traffic_of,
)
from telecine_serve.parallel.placement import Placement
from tests.records import spec

_A14B = ARCHITECTURES["wan2.2-t2v-a14b"]


def _clip(width_px: int = 1280, height_px: int = 720, *, is_guided: bool = False) -> ClipShape:
    return ClipShape(
        width_px=width_px, height_px=height_px, num_frames=81, num_steps=40, is_guided=is_guided
    )


@pytest.mark.parametrize(("size", "tokens"), [((1280, 720), 75_600), ((832, 480), 32_760)])
def test_tokens_of_five_seconds(size: tuple[int, int], tokens: int) -> None:
    assert num_tokens(_A14B, _clip(*size)) == tokens


@pytest.mark.parametrize(
    ("model", "size"),
    [(name, size) for name in sorted(ARCHITECTURES) for size in CATALOGUE[name].sizes_px],
)
def test_price_of_a_step_is_the_planners(model: str, size: tuple[int, int]) -> None:
    """Both must come from one formula: the catalogue prices a job before any planner runs."""
    clip = _clip(*size, is_guided=True)
    values = {"model": model, "width_px": size[0], "height_px": size[1], "num_frames": 81}
    prices = [
        formula_gpu_s(CATALOGUE[model], spec(**values, num_steps=num_steps)) for num_steps in (1, 2)
    ]
    planned_s = step_seconds(ARCHITECTURES[model], clip, Axes(), 8, CALIBRATION)
    assert prices[1] - prices[0] == pytest.approx(planned_s, rel=1e-6)


def test_latents_of_720p_are_19_megabytes() -> None:
    assert latent_bytes(_A14B, _clip()) == 16 * 21 * 90 * 160 * 4


@pytest.mark.parametrize(("tp_size", "gigabytes"), [(1, 28.6), (2, 14.5), (4, 7.5), (8, 4.0)])
def test_weights_of_one_expert(tp_size: int, gigabytes: float) -> None:
    assert expert_bytes(_A14B, tp_size) / 1e9 == pytest.approx(gigabytes, abs=0.05)


@pytest.mark.parametrize(
    ("axes", "gigabytes"),
    [
        (Axes(), 8.1),
        (Axes(tp_size=2), 6.0),
        (Axes(tp_size=8), 4.4),
        (Axes(sp_size=2), 4.0),
        (Axes(sp_size=8), 1.0),
    ],
)
def test_activations_of_720p(axes: Axes, gigabytes: float) -> None:
    memory = memory_of(_A14B, _clip(), axes, Placement(), CALIBRATION)

    assert memory.denoise_bytes / 1e9 == pytest.approx(gigabytes, abs=0.1)


def test_step_cache_keeps_two_tensors_of_tokens_for_each_half_on_a_rank() -> None:
    exact, cached, cached_at_cfg2 = (
        memory_of(_A14B, clip, axes, Placement(), CALIBRATION).denoise_bytes
        for clip, axes in (
            (_clip(is_guided=True), Axes()),
            (replace(_clip(is_guided=True), has_step_cache=True), Axes()),
            (replace(_clip(is_guided=True), has_step_cache=True), Axes(cfg_size=2)),
        )
    )

    assert (cached - exact) / 1e9 == pytest.approx(4 * 0.774, rel=0.001)
    assert (cached_at_cfg2 - exact) / 1e9 == pytest.approx(2 * 0.774, rel=0.001)


def test_experts_that_take_turns_halve_the_gpus_weights_and_wait_on_the_host() -> None:
    turns = Placement(are_all_experts_resident=False)
    resident, swapped = (
        memory_of(_A14B, _clip(), Axes(tp_size=2), placement, CALIBRATION).transformer_bytes
        for placement in (Placement(), turns)
    )

    assert swapped == resident / 2
    assert host_bytes(_A14B, Axes(tp_size=2), turns, node_size=8) == 8 * resident
    assert host_bytes(_A14B, Axes(tp_size=2), Placement(), node_size=8) == 0


def test_streamed_weights_are_divided_over_the_host_and_gathered_in_blocks() -> None:
    streamed, axes = Placement(are_weights_streamed=True), Axes(cfg_size=2, sp_size=2)
    whole_bytes = expert_bytes(_A14B, 1)

    memory = memory_of(_A14B, _clip(), axes, streamed, CALIBRATION)
    traffic = traffic_of(_A14B, _clip(is_guided=True), axes, streamed)
    seconds, resident_s = (
        step_seconds(_A14B, _clip(is_guided=True), axes, 8, CALIBRATION, placement)
        for placement in (streamed, Placement())
    )

    block_bytes = 2 * (8 * 5120**2 + 2 * 5120 * 13_824)
    replicated_bytes = 2 * _A14B.num_replicated_parameters
    assert memory.transformer_bytes == 3 * block_bytes + replicated_bytes
    assert host_bytes(_A14B, axes, streamed, node_size=8) == 2 * 2 * whole_bytes  # two gangs
    assert traffic.bus_bytes == whole_bytes / 4
    assert traffic.weights_bytes == whole_bytes * 3 / 4
    copied_s = whole_bytes / 4 / 25e9 + whole_bytes * 3 / 4 / 350e9 + 40 * 30e-6
    assert seconds - resident_s == pytest.approx(copied_s)


@pytest.mark.parametrize(
    ("num_ranks", "tp_gigabytes", "sp_gigabytes"), [(2, 92.9, 31.0), (4, 139, 23.2), (8, 163, 13.5)]
)
def test_bytes_sent_per_forward(num_ranks: int, tp_gigabytes: float, sp_gigabytes: float) -> None:
    tp = traffic_of(_A14B, _clip(), Axes(tp_size=num_ranks))
    sp = traffic_of(_A14B, _clip(), Axes(sp_size=num_ranks))

    assert tp.total_bytes / 1e9 == pytest.approx(tp_gigabytes, rel=0.005)
    assert sp.total_bytes / 1e9 == pytest.approx(sp_gigabytes, rel=0.005)


def test_forward_of_720p_is_six_and_a_half_petaflop() -> None:
    assert forward_flops(_A14B, _clip()) / 1e15 == pytest.approx(6.5, abs=0.05)


def test_guidance_doubles_a_step_unless_its_halves_have_ranks_of_their_own() -> None:
    plain_s, guided_s, divided_s = (
        step_seconds(_A14B, _clip(is_guided=is_guided), axes, 8, CALIBRATION)
        for is_guided, axes in ((False, Axes()), (True, Axes()), (True, Axes(cfg_size=2)))
    )

    assert guided_s == pytest.approx(2 * plain_s)
    assert divided_s == pytest.approx(plain_s, rel=1e-3)


def test_layers_divided_across_nodes_cost_more_than_they_save() -> None:
    inside_s, across_s = (
        step_seconds(_A14B, _clip(), Axes(tp_size=8), gpus_per_node, CALIBRATION)
        for gpus_per_node in (8, 4)
    )

    assert across_s > inside_s + 3
