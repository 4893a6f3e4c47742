from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import torch

from tests.ranks import run_ranks

_CPU = torch.device("cpu")


def _check_our_path(rank: int, world_size: int, port: int) -> tuple[bool, list[int]]:
    """Whether DeepSpeed's operator is there after our start, and who is in this rank's group."""
    import torch.distributed as dist

    from telecine_serve.parallel.collectives import all_reduce_sum
    from telecine_serve.parallel.mesh import close_ranks, init_ranks
    from telecine_serve.parallel.selftest import check_subgroup_all_reduce

    ranks = init_ranks(rank, world_size, "127.0.0.1", port, _CPU, tp_size=2, timeout_s=60)
    check_subgroup_all_reduce((ranks.tp_group, ranks.world_group), all_reduce_sum, _CPU)
    is_trap_built = hasattr(torch.ops.deepspeed, "inference_all_reduce_")
    members = dist.get_process_group_ranks(ranks.tp_group)
    close_ranks()
    return is_trap_built, members


@pytest.mark.slow
def test_our_all_reduce_passes_in_groups_of_consecutive_ranks_without_deepspeeds_own() -> None:
    results = run_ranks(_check_our_path, 4)

    assert results == [(False, [0, 1]), (False, [0, 1]), (False, [2, 3]), (False, [2, 3])]


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
