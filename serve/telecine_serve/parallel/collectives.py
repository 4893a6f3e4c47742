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

from telecine_platform.errors import CollectiveError, GangBroken

AllReduce = Callable[[torch.Tensor, dist.ProcessGroup], object]
"""Adds a tensor over the ranks of a group, in place; what it returns is not used."""


def all_reduce_sum(tensor: torch.Tensor, group: dist.ProcessGroup) -> None:
    """Replace `tensor` by its sum over the ranks of `group`."""
    with peers_expected("all-reduce", group):
        dist.all_reduce(tensor, op=dist.ReduceOp.SUM, group=group)


def all_gather(tensor: torch.Tensor, group: dist.ProcessGroup, *, dim: int) -> torch.Tensor:
    """The tensors of all ranks of `group`, joined along `dim` in rank order; shapes must agree."""
    parts = [torch.empty_like(tensor) for _ in range(group.size())]
    with peers_expected("all-gather", group):
        dist.all_gather(parts, tensor.contiguous(), group=group)
    return torch.cat(parts, dim=dim)


def broadcast(tensor: torch.Tensor, group: dist.ProcessGroup, *, source_rank: int) -> None:
    """Replace `tensor` by the one of `source_rank` (a global rank); shapes must agree."""
    with peers_expected("broadcast", group):
        dist.broadcast(tensor, src=source_rank, group=group)


def send(tensor: torch.Tensor, group: dist.ProcessGroup, *, to_rank: int) -> None:
    """Give a tensor to one rank (a global one), which has to `receive` it."""
    with peers_expected("send", group):
        dist.send(tensor.contiguous(), dst=to_rank, group=group)


def receive(tensor: torch.Tensor, group: dist.ProcessGroup, *, from_rank: int) -> None:
    """Fill `tensor` with what one rank (a global one) sends; shapes must agree."""
    with peers_expected("receive", group):
        dist.recv(tensor, src=from_rank, group=group)


def is_true_on_any_rank(flag: bool, group: dist.ProcessGroup, device: torch.device) -> bool:
    """The same answer on every rank of `group`: whether any of them says true."""
    votes = torch.tensor([int(flag)], dtype=torch.int32, device=device)
    with peers_expected("vote", group):
        dist.all_reduce(votes, op=dist.ReduceOp.MAX, group=group)
    return bool(votes.item())


def check_agreed(what: str, number: int, group: dist.ProcessGroup, device: torch.device) -> None:
    """Raise CollectiveError, on all ranks of `group` alike, unless they have the same number."""
    extremes = torch.tensor([number, -number], dtype=torch.int64, device=device)
    with peers_expected("check", group):
        dist.all_reduce(extremes, op=dist.ReduceOp.MAX, group=group)
    largest, smallest = int(extremes[0]), -int(extremes[1])
    if largest != smallest:
        raise CollectiveError(
            f"the ranks disagree on the {what}: {smallest} to {largest}, here {number}"
        )


@contextmanager
def peers_expected(what: str, group: dist.ProcessGroup) -> Iterator[None]:
    """Turn what torch raises for a lost peer into GangBroken; memory that ran out stays itself."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        raise GangBroken(
            f"{what} over ranks {dist.get_process_group_ranks(group)} failed, "
            f"a rank has died or hangs: {error}"
        ) from error
