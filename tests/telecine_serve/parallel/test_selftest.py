from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import torch

from tests.ranks import run_ranks
from tests.telecine_serve.parallel.gangs import GangReport

_CPU = torch.device("cpu")


@pytest.mark.slow
def test_our_all_reduce_passes_in_every_group_without_deepspeeds_own(
    four_ranks: list[GangReport],
) -> None:
    assert [rank.members_from_axis["tp"] for rank in four_ranks] == [[0, 1], [0, 1], [2, 3], [2, 3]]
    assert [rank.members_from_axis["sp"] for rank in four_ranks] == [[0, 2], [1, 3], [0, 2], [1, 3]]
    assert not any(rank.is_trap_built for rank in four_ranks)


def _check_trap(rank: int, world_size: int, port: int, build_folder: str) -> str:
    """Start DeepSpeed as its documentation says, and check the all-reduce of its own layers."""
    os.environ.update(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE=str(world_size),
        LOCAL_SIZE=str(world_size),
        MASTER_ADDR="127.0.0.1",
        MASTER_PORT=str(port),
        TORCH_EXTENSIONS_DIR=build_folder,
    )
    import deepspeed.comm
    import torch.distributed as dist

    from telecine_platform.errors import CollectiveError
    from telecine_serve.parallel.selftest import check_subgroup_all_reduce

    deepspeed.comm.init_distributed("gloo", auto_mpi_discovery=False)
    groups = [dist.new_group([0, 1]), dist.new_group([2, 3])]
    try:
        check_subgroup_all_reduce(
            [groups[rank // 2]],
            lambda tensor, group: deepspeed.comm.inference_all_reduce(tensor, group=group),
            _CPU,
        )
    except CollectiveError as error:
        return str(error)
    return "passed"


def _why_no_trap() -> str:
    for program in ("g++", "ninja"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    flags = Path("/proc/cpuinfo")
    if not flags.exists() or "avx512bw" not in flags.read_text():
        return "this CPU has no AVX-512BW"
    return ""


@pytest.mark.slow
@pytest.mark.skipif(bool(_why_no_trap()), reason=f"DeepSpeed's operator: {_why_no_trap()}")
def test_self_test_catches_an_all_reduce_that_ignores_groups(tmp_path: Path) -> None:
    messages = run_ranks(_check_trap, 4, str(tmp_path), timeout_s=240)

    for rank, message in enumerate(messages):
        assert f"gave 10.0, expected {3 if rank < 2 else 7}" in message
