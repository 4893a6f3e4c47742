"""The collectives that ranks use, all through torch.distributed with an explicit group.

Not through `deepspeed.comm.inference_all_reduce`: with its shared-memory operator built (any CPU
host with g++ and ninja) it adds over every rank of the job whatever group it is given, without an
error (deepspeed 0.19.8 `comm/torch.py`, `TorchBackend.inference_all_reduce`). A failed collective
means that a peer died or hung, so it becomes `GangBroken`, which is retryable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist

from telecine_platform.errors import GangBroken

AllReduce = Callable[[torch.Tensor, dist.ProcessGroup], object]
"""Adds a tensor over the ranks of a group, in place; what it returns is not used."""


def all_reduce_sum(tensor: torch.Tensor, group: dist.ProcessGroup) -> None:
    """Replace `tensor` by its sum over the ranks of `group`."""
    with _peers_expected("all-reduce", group):
        dist.all_reduce(tensor, op=dist.ReduceOp.SUM, group=group)


def broadcast(tensor: torch.Tensor, group: dist.ProcessGroup, *, source_rank: int) -> None:
    """Replace `tensor` by the one of `source_rank` (a global rank); shapes must agree."""
    with _peers_expected("broadcast", group):
        dist.broadcast(tensor, src=source_rank, group=group)


def is_true_on_any_rank(flag: bool, group: dist.ProcessGroup, device: torch.device) -> bool:
    """The same answer on every rank of `group`: whether any of them says true."""
    votes = torch.tensor([int(flag)], dtype=torch.int32, device=device)
    with _peers_expected("vote", group):
        dist.all_reduce(votes, op=dist.ReduceOp.MAX, group=group)
    return bool(votes.item())


@contextmanager
def _peers_expected(what: str, group: dist.ProcessGroup) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise GangBroken(
            f"{what} over ranks {dist.get_process_group_ranks(group)} failed, "
            f"a rank has died or hangs: {error}"
        ) from error
