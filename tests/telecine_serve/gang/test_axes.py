from __future__ import annotations

from pathlib import Path

import pytest

from telecine_platform.errors import PlanError
from telecine_platform.settings import Settings
from telecine_serve.gang.axes import gang_axes
from telecine_serve.parallel.axes import Axes


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

    assert gang_axes(settings, gpu_memory_bytes, gpus_per_node=8) == axes


def test_model_that_fits_no_gpu_is_refused_before_ranks_start(embedded_folder: Path) -> None:
    settings = Settings(num_ranks=2, model_folder=embedded_folder)

    with pytest.raises(PlanError, match="no plan fits"):
        gang_axes(settings, 10**9, gpus_per_node=8)


def test_axes_that_the_operator_chose_are_taken(embedded_folder: Path) -> None:
    settings = Settings(num_ranks=4, model_folder=embedded_folder, gang_axes="cfg2 x sp1 x tp2")

    for gpu_memory_bytes in (None, 24 * 10**9):
        axes = gang_axes(settings, gpu_memory_bytes, gpus_per_node=2)
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
        gang_axes(settings, gpu_memory_bytes, gpus_per_node=2)
