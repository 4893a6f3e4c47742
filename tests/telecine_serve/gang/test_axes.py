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
