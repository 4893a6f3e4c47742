from __future__ import annotations

from bisect import bisect_left
from pathlib import Path

import pytest

from telecine_platform.errors import PlanError
from telecine_platform.settings import Settings
from telecine_serve.gang.plan import plan_gang
from telecine_serve.models.architectures import architecture_from_folder
from telecine_serve.parallel.axes import Axes
from telecine_serve.parallel.placement import Placement
from tests.telecine_serve.models.variants import write_variant


@pytest.mark.parametrize(
    ("num_ranks", "gpu_memory_bytes", "axes"),
    [
        (2, None, Axes(tp_size=2)),
        (4, None, Axes(tp_size=4)),
        (2, 24 * 10**9, Axes(cfg_size=2)),
        (4, 24 * 10**9, Axes(cfg_size=2, sp_size=2)),
    ],
)
def test_cpu_ranks_save_memory_and_gpus_save_time(
    embedded_folder: Path, num_ranks: int, gpu_memory_bytes: int | None, axes: Axes
) -> None:
    settings = Settings(num_ranks=num_ranks, model_folder=embedded_folder)

    assert plan_gang(settings, gpu_memory_bytes, gpus_per_node=8).axes == axes


def test_model_that_fits_no_gpu_is_refused_before_ranks_start(embedded_folder: Path) -> None:
    settings = Settings(num_ranks=2, model_folder=embedded_folder)

    with pytest.raises(PlanError, match="no plan fits"):
        plan_gang(settings, 10**9, gpus_per_node=8)


def test_axes_that_the_operator_chose_are_taken(embedded_folder: Path) -> None:
    settings = Settings(num_ranks=4, model_folder=embedded_folder, gang_axes="cfg2 x sp1 x tp2")

    for gpu_memory_bytes in (None, 24 * 10**9):
        axes = plan_gang(settings, gpu_memory_bytes, gpus_per_node=2).axes
        assert axes == Axes(cfg_size=2, tp_size=2)


@pytest.mark.parametrize(
    ("gang_axes_text", "gpu_memory_bytes", "message"),
    [
        ("cfg2xsp2xtp2", None, "is 8 ranks, but num_ranks is 4"),
        ("cfg1xsp1xtp4", 24 * 10**9, "tp 4 would cross nodes of 2 GPUs"),
        ("tp4", None, "names no axes"),
    ],
)
def test_chosen_axes_that_cannot_be_are_refused(
    embedded_folder: Path, gang_axes_text: str, gpu_memory_bytes: int | None, message: str
) -> None:
    settings = Settings(num_ranks=4, model_folder=embedded_folder, gang_axes=gang_axes_text)

    with pytest.raises(PlanError, match=message):
        plan_gang(settings, gpu_memory_bytes, gpus_per_node=2)


def test_experts_take_turns_where_both_do_not_fit(embedded_folder: Path, tmp_path: Path) -> None:
    folder = write_variant(embedded_folder, tmp_path / "model", "two-experts")
    settings = Settings(num_ranks=1, model_folder=folder)
    sizes_bytes = range(2 * 10**9, 3 * 10**9, 10**6)
    place = bisect_left(sizes_bytes, True, key=lambda size: _fits_whole(settings, size))
    enough_bytes = sizes_bytes[place]
    assert architecture_from_folder(folder, 512).num_experts == 2

    assert plan_gang(settings, enough_bytes, 8).placement == Placement()
    plan = plan_gang(settings, enough_bytes - 10**6, 8)
    assert plan.placement == Placement(are_all_experts_resident=False)


def _fits_whole(settings: Settings, gpu_memory_bytes: int) -> bool:
    whole = settings.model_copy(update={"gang_placement": "none"})
    try:
        return plan_gang(whole, gpu_memory_bytes, 8).placement == Placement()
    except PlanError:
        return False


def test_gpus_keep_memory_for_the_largest_adapters(embedded_folder: Path, tmp_path: Path) -> None:
    for name in ("film", "ink", "oil"):
        (tmp_path / name).mkdir()
        with (tmp_path / name / "transformer.safetensors").open("wb") as file:
            file.truncate(10**9)
    settings = Settings(
        num_ranks=1,
        model_folder=embedded_folder,
        adapters="film,ink,oil",
        adapters_folder=tmp_path,
        max_loaded_adapters=2,
    )

    assert plan_gang(settings, 5 * 10**9, 8).axes == Axes()
    with pytest.raises(PlanError, match="a GPU has 2 GB"):
        plan_gang(settings, 4 * 10**9, 8)


def test_gpus_keep_memory_for_adapters_that_are_yet_to_be_fetched(embedded_folder: Path) -> None:
    settings = Settings(
        num_ranks=1,
        model_folder=embedded_folder,
        adapters="film,ink,oil",
        adapters_url="s3://bucket/adapters",
        max_adapter_bytes=10**9,
        max_loaded_adapters=2,
    )

    assert plan_gang(settings, 5 * 10**9, 8).axes == Axes()
    with pytest.raises(PlanError, match="a GPU has 2 GB"):
        plan_gang(settings, 4 * 10**9, 8)


@pytest.mark.parametrize("gpu_memory_bytes", [None, 24 * 10**9])
def test_placement_that_the_operator_chose_is_taken(
    embedded_folder: Path, gpu_memory_bytes: int | None
) -> None:
    settings = Settings(num_ranks=2, model_folder=embedded_folder, gang_placement="TE")

    assert plan_gang(settings, gpu_memory_bytes, 8).placement == Placement(
        is_text_encoder_on_gpu=False, are_all_experts_resident=False
    )


@pytest.mark.parametrize(("num_ranks", "axes"), [(2, "cfg1 x sp2 x tp1"), (8, "cfg2 x sp4 x tp1")])
def test_cpu_ranks_that_stream_weights_do_not_divide_layers(
    embedded_folder: Path, num_ranks: int, axes: str
) -> None:
    settings = Settings(num_ranks=num_ranks, model_folder=embedded_folder, gang_placement="Z")

    plan = plan_gang(settings, None, 8)

    assert str(plan.axes) == axes
    assert plan.placement == Placement(are_weights_streamed=True)


@pytest.mark.parametrize("gpu_memory_bytes", [None, 24 * 10**9])
def test_divided_layers_and_streamed_weights_are_refused(
    embedded_folder: Path, gpu_memory_bytes: int | None
) -> None:
    settings = Settings(
        num_ranks=2,
        model_folder=embedded_folder,
        gang_axes="cfg1 x sp1 x tp2",
        gang_placement="Z",
    )

    with pytest.raises(PlanError, match=r"streamed \(Z\) need tp 1, not 2"):
        plan_gang(settings, gpu_memory_bytes, 8)


def test_unknown_placement_is_refused(embedded_folder: Path) -> None:
    settings = Settings(num_ranks=2, model_folder=embedded_folder, gang_placement="ET")

    with pytest.raises(PlanError, match="letters of TEZV in this order"):
        plan_gang(settings, None, 8)
