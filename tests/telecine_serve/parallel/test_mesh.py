from __future__ import annotations

import pytest
import torch

from tests.ranks import run_ranks

_CPU = torch.device("cpu")


def _uneven_world(rank: int, world_size: int, port: int) -> str:
    from telecine_platform.errors import PlanError
    from telecine_serve.parallel.mesh import init_ranks

    try:
        init_ranks(rank, world_size, "127.0.0.1", port, _CPU, tp_size=2)
    except PlanError as error:
        return str(error)
    return ""


def test_world_that_is_no_multiple_of_tp_raises() -> None:
    assert "3 ranks" in _uneven_world(0, 3, 0)


def _lone_rank(rank: int, world_size: int, port: int) -> str:
    from telecine_platform.errors import GangBroken
    from telecine_serve.parallel.mesh import init_ranks

    try:
        init_ranks(rank, world_size + 1, "127.0.0.1", port, _CPU, timeout_s=2)
    except GangBroken as error:
        return str(error)
    return ""


@pytest.mark.slow
def test_rank_whose_peers_never_come_gives_up() -> None:
    (message,) = run_ranks(_lone_rank, 1, timeout_s=60)

    assert "did not meet its peers" in message


def _survive(rank: int, world_size: int, port: int) -> str:
    from telecine_platform.errors import GangBroken
    from telecine_serve.parallel.collectives import all_reduce_sum
    from telecine_serve.parallel.mesh import init_ranks

    ranks = init_ranks(rank, world_size, "127.0.0.1", port, _CPU, timeout_s=30)
    all_reduce_sum(torch.ones(1), ranks.world_group)
    if rank == 1:
        return "left"
    try:
        all_reduce_sum(torch.ones(1), ranks.world_group)
    except GangBroken as error:
        return str(error)
    return ""


@pytest.mark.slow
def test_rank_whose_peer_died_raises_a_retryable_error() -> None:
    survivor, _ = run_ranks(_survive, 2, timeout_s=90)

    assert "a rank has died" in survivor
