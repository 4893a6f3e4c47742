"""The helper that the other tests trust: a failure or a hang must never pass as a result."""

from __future__ import annotations

import os
import threading

import pytest

from tests.ranks import RankFailed, run_ranks


def _double_rank(rank: int, _world_size: int, _port: int, factor: int) -> int:
    return rank * factor


def _fail_on_one(rank: int, _world_size: int, _port: int, is_silent: bool) -> None:
    if rank == 0:
        threading.Event().wait()
    if is_silent:
        os._exit(3)
    raise ValueError("rank one is unwell")


@pytest.mark.slow
def test_results_come_in_rank_order() -> None:
    assert run_ranks(_double_rank, 2, 2) == [0, 2]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("is_silent", "message"), [(False, "rank one is unwell"), (True, "rank 1 died")]
)
def test_failed_rank_ends_the_run_while_its_peer_hangs(is_silent: bool, message: str) -> None:
    with pytest.raises(RankFailed, match=message):
        run_ranks(_fail_on_one, 2, is_silent, timeout_s=60)


@pytest.mark.slow
def test_hanging_rank_ends_the_run_when_time_is_over() -> None:
    with pytest.raises(RankFailed, match="no result in time"):
        run_ranks(_fail_on_one, 1, False, timeout_s=0.1)
