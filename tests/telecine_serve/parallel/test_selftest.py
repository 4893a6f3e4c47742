from __future__ import annotations

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


def _check_trap(rank: int, world_size: int, port: int) -> str:
    """Check an all-reduce that sums over everybody, as DeepSpeed's shared-memory one does on CPUs.

    Building that one takes a minute of compiling; its sums are the same.
    """
    import torch.distributed as dist

    from telecine_platform.errors import CollectiveError
    from telecine_serve.parallel.selftest import check_subgroup_all_reduce

    dist.init_process_group(
        "gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=world_size
    )
    groups = [dist.new_group([0, 1]), dist.new_group([2, 3])]
    try:
        check_subgroup_all_reduce(
            [groups[rank // 2]], lambda tensor, _group: dist.all_reduce(tensor), _CPU
        )
    except CollectiveError as error:
        return str(error)
    finally:
        dist.destroy_process_group()
    return "passed"


@pytest.mark.slow
def test_self_test_catches_an_all_reduce_that_ignores_groups() -> None:
    messages = run_ranks(_check_trap, 4)

    for rank, message in enumerate(messages):
        assert f"gave 10.0, expected {3 if rank < 2 else 7}" in message
