from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from telecine_platform.catalogue import CATALOGUE
from telecine_platform.errors import PlanError
from telecine_serve.models.architectures import ARCHITECTURES, architecture_from_folder
from telecine_serve.parallel.architecture import ClipShape
from telecine_serve.parallel.axes import Axes
from telecine_serve.parallel.legal import axes_of_gang, least_memory_axes
from telecine_serve.parallel.placement import Placement, placement_from_text
from telecine_serve.parallel.plan import ALL_PLACEMENTS, Cluster, make_plan
from telecine_serve.parallel.plan_tables import plans_markdown

_DOCUMENT = Path(__file__).parents[3] / "docs" / "plans.md"
_A14B = ARCHITECTURES["wan2.2-t2v-a14b"]
_NOT_STREAMED = [place for place in ALL_PLACEMENTS if not place.are_weights_streamed]


def _clip(*, is_guided: bool = True, num_frames: int = 81) -> ClipShape:
    return ClipShape(
        width_px=1280, height_px=720, num_frames=num_frames, num_steps=40, is_guided=is_guided
    )


def _cluster(num_gpus: int, memory_gb: float = 80, gpus_per_node: int = 8) -> Cluster:
    return Cluster(num_gpus=num_gpus, gpu_memory_bytes=memory_gb * 1e9, gpus_per_node=gpus_per_node)


def test_planner_knows_every_model_that_is_served() -> None:
    assert set(ARCHITECTURES) == set(CATALOGUE) - {"embedded"}


@pytest.mark.parametrize(
    "model", ["wan2.1-t2v-1.3b", "wan2.1-i2v-14b-720p", "wan2.2-t2v-a14b", "wan2.2-ti2v-5b"]
)
@pytest.mark.parametrize("size", [(832, 480), (1280, 720), (960, 960)])
def test_every_plan_of_a_grid_is_legal_and_fits(model: str, size: tuple[int, int]) -> None:
    architecture = ARCHITECTURES[model]
    num_plans = 0
    for num_gpus, memory_gb, gpus_per_node, is_guided in product(
        (1, 2, 3, 4, 5, 6, 8, 12, 16, 20, 24, 32, 40, 64), (24, 48, 80, 141), (1, 4, 8), (0, 1)
    ):
        clip = ClipShape(
            width_px=size[0],
            height_px=size[1],
            num_frames=81,
            num_steps=40,
            is_guided=bool(is_guided),
        )
        cluster = _cluster(num_gpus, memory_gb, gpus_per_node)
        try:
            plan = make_plan(architecture, clip, cluster).plan
        except PlanError:
            continue
        num_plans += 1
        axes = plan.axes
        assert axes.num_ranks * plan.num_gangs == num_gpus
        assert architecture.num_heads % (axes.tp_size * axes.sp_size) == 0
        assert architecture.ffn_width % axes.tp_size == 0
        assert axes.cfg_size <= 1 + is_guided
        nodes = [[rank // gpus_per_node for rank in axes.tp_members(r)] for r in range(num_gpus)]
        assert all(len(set(node)) == 1 for node in nodes[: axes.num_ranks]), "tp leaves its node"
        assert 0 < plan.memory.total_bytes <= memory_gb * 1e9
        assert 0 < plan.step_s * clip.num_steps < plan.clip_s
        if plan.placement.are_weights_streamed:
            assert axes.tp_size == 1
            with pytest.raises(PlanError):  # it is the last resort
                make_plan(architecture, clip, cluster, placements=_NOT_STREAMED)
    assert num_plans > 100


def test_every_division_of_the_gpus_is_chosen_or_rejected_with_a_reason() -> None:
    planning = make_plan(_A14B, _clip(), _cluster(4))

    reasons = {str(rejection.axes): rejection.reason for rejection in planning.rejections}
    assert planning.plan.axes == Axes(cfg_size=2, sp_size=2)
    assert len(reasons) == len(planning.rejections) == 8
    assert "slower" in reasons["cfg1 x sp1 x tp4"]


@pytest.mark.parametrize(
    ("num_gpus", "memory_gb", "axes"),
    [
        (2, 80, Axes(cfg_size=2)),
        (8, 80, Axes(cfg_size=2, sp_size=4)),
        (8, 24, Axes(cfg_size=2, tp_size=4)),
        (16, 80, Axes(cfg_size=2, sp_size=8)),
    ],
)
def test_plans_worked_out_by_hand(num_gpus: int, memory_gb: float, axes: Axes) -> None:
    assert make_plan(_A14B, _clip(), _cluster(num_gpus, memory_gb)).plan.axes == axes


def test_gpus_that_do_not_divide_into_one_gang_make_two() -> None:
    plan = make_plan(_A14B, _clip(), _cluster(32)).plan

    assert (plan.num_gangs, plan.axes.num_ranks) == (2, 16)


def test_gang_of_a_given_size_and_placement_gets_its_best_axes() -> None:
    planning = make_plan(
        _A14B,
        _clip(),
        _cluster(4, 141),
        candidates=list(axes_of_gang(4)),
        placements=[Placement()],
    )

    assert planning.plan.axes == Axes(cfg_size=2, sp_size=2)
    assert {rejection.axes.num_ranks for rejection in planning.rejections} == {4}


def test_layers_stay_inside_small_nodes() -> None:
    plan = make_plan(_A14B, _clip(), _cluster(8, 48, gpus_per_node=2)).plan

    assert plan.axes.tp_size <= 2


def test_clip_without_guidance_has_no_cfg_axis() -> None:
    planning = make_plan(_A14B, _clip(is_guided=False), _cluster(2))

    assert planning.plan.axes == Axes(sp_size=2)
    assert any("only one half" in rejection.reason for rejection in planning.rejections)


@pytest.mark.parametrize(
    ("cluster", "message"),
    [
        (_cluster(1, 12), "13.1 GB at the least.*2 such GPUs would do"),
        (_cluster(1, 4), "more such GPUs would not help"),
        (_cluster(0), "start at 1"),
    ],
)
def test_what_cannot_fit_is_refused_with_what_would(cluster: Cluster, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        make_plan(_A14B, _clip(), cluster)


@pytest.mark.parametrize(
    ("num_ranks", "axes"),
    [
        (1, Axes()),
        (2, Axes(tp_size=2)),
        (4, Axes(tp_size=4)),
        (8, Axes(cfg_size=2, tp_size=4)),
    ],
)
def test_cpu_ranks_divide_the_layers_first(
    embedded_folder: Path, num_ranks: int, axes: Axes
) -> None:
    architecture = architecture_from_folder(embedded_folder, num_text_tokens=64)

    assert least_memory_axes(architecture, num_ranks) == axes


def test_cpu_ranks_that_divide_in_no_way_raise(embedded_folder: Path) -> None:
    architecture = architecture_from_folder(embedded_folder, num_text_tokens=64)

    with pytest.raises(PlanError, match="4 heads do not divide over 3 ranks"):
        least_memory_axes(architecture, 3)


def test_experts_do_not_wait_in_memory_that_a_node_lacks() -> None:
    plenty = make_plan(_A14B, _clip(), _cluster(8)).plan
    short = make_plan(_A14B, _clip(), replace(_cluster(8), host_memory_bytes=430e9)).plan

    assert (plenty.axes.tp_size, str(plenty.placement)) == (1, "E")
    assert plenty.host_bytes / 1e9 == pytest.approx(8 * 57.2, rel=0.01)
    assert (short.axes.tp_size, str(short.placement)) == (2, "none")
    with pytest.raises(PlanError, match=r"needs .* GB of a node's own memory"):
        make_plan(_A14B, _clip(), replace(_cluster(1, 48), host_memory_bytes=48e9))


def test_weights_are_streamed_where_nothing_else_fits() -> None:
    plan = make_plan(_A14B, _clip(), _cluster(1, 24)).plan

    assert str(plan.placement) == "TZ"
    assert plan.host_bytes / 1e9 == pytest.approx(57.2 + 11.4, rel=0.01)
    assert plan.traffic.bus_bytes / 1e9 == pytest.approx(57.2, rel=0.01)


def test_layers_are_not_divided_when_weights_are_streamed() -> None:
    streamed = [Placement(are_weights_streamed=True)]
    planning = make_plan(_A14B, _clip(), _cluster(4), placements=streamed)

    reasons = {str(rejection.axes): rejection.reason for rejection in planning.rejections}
    assert planning.plan.axes.tp_size == 1
    assert reasons["cfg1 x sp1 x tp4"] == "weights that are streamed (Z) need tp 1, not 4"


def test_streamed_weights_have_no_turns_to_take() -> None:
    with pytest.raises(PlanError, match="cannot also take turns"):
        Placement(are_all_experts_resident=False, are_weights_streamed=True)


@pytest.mark.parametrize("placement", ALL_PLACEMENTS, ids=str)
def test_placement_is_read_as_it_is_written(placement: Placement) -> None:
    assert placement_from_text(str(placement)) == placement


def test_tables_in_the_documentation_are_current() -> None:
    assert _DOCUMENT.read_text(encoding="utf-8") == plans_markdown(_A14B), (
        "run: python docs/make_plans.py"
    )
