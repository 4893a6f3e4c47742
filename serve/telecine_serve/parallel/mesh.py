"""Process groups: which ranks work together on one axis of the gang (`axes` has their order).

Groups are held in a `RankContext` that is passed down; there are no module-level groups of ours.
Invariant: every collective has a finite timeout, so a dead peer never hangs a rank for ever.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist

from telecine_platform.errors import GangBroken, PlanError, SettingsError
from telecine_serve.parallel.axes import Axes, axes_from_world

_LEADER_RANK = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RankContext:
    """This process's place in its gang."""

    rank: int
    axes: Axes
    device: torch.device
    world_group: dist.ProcessGroup
    cfg_group: dist.ProcessGroup
    """The ranks with this rank's part of each guidance half, the conditional half's first."""
    sp_group: dist.ProcessGroup
    """The ranks among which this rank's token sequence is divided."""
    tp_group: dist.ProcessGroup
    """The ranks among which this rank's layers are divided."""

    @property
    def is_leader(self) -> bool:
        """The leader encodes the text and decodes the clip."""
        return self.rank == _LEADER_RANK

    @property
    def leader_rank(self) -> int:
        return _LEADER_RANK

    @property
    def world_size(self) -> int:
        return self.axes.num_ranks

    @property
    def cfg_size(self) -> int:
        return self.axes.cfg_size

    @property
    def sp_size(self) -> int:
        return self.axes.sp_size

    @property
    def tp_size(self) -> int:
        return self.axes.tp_size

    @property
    def groups(self) -> tuple[dist.ProcessGroup, ...]:
        """Every group that this rank is in."""
        return (self.tp_group, self.sp_group, self.cfg_group, self.world_group)


def init_ranks(
    rank: int,
    world_size: int,
    master_addr: str,
    master_port: int,
    device: torch.device,
    *,
    cfg_size: int = 1,
    sp_size: int = 1,
    tp_size: int | None = None,
    timeout_s: float = 300.0,
) -> RankContext:
    """Meet the other ranks and make the groups; every rank of the gang must call it.

    Rank 0 listens on `master_port` of `master_addr`. `tp_size` is what the other axes leave if not
    given. Raises PlanError if the axes do not use every rank, GangBroken if the ranks do not meet
    within `timeout_s`, SettingsError if DeepSpeed chose another kind of device.
    """
    axes = axes_from_world(world_size, cfg_size, sp_size, tp_size)
    timeout = timedelta(seconds=timeout_s)
    if device.type == "cuda":
        # NCCL and DeepSpeed want to know which GPU; "cuda" alone means the first one it sees.
        device = torch.device("cuda", device.index or 0)
        torch.cuda.set_device(device)
    try:
        dist.init_process_group(
            backend="nccl" if device.type == "cuda" else "gloo",
            init_method=f"tcp://{master_addr}:{master_port}",
            rank=rank,
            world_size=world_size,
            timeout=timeout,
            device_id=device if device.type == "cuda" else None,
        )
        ranks = arrange_ranks(axes, device, timeout_s=timeout_s)
    except RuntimeError as error:
        raise GangBroken(
            f"rank {rank} of {world_size} did not meet its peers at {master_addr}:{master_port} "
            f"within {timeout_s} s: {error}"
        ) from error
    _attach_deepspeed(device, timeout)
    return ranks


def arrange_ranks(axes: Axes, device: torch.device, *, timeout_s: float = 300.0) -> RankContext:
    """Make the groups of `axes` among ranks that have met; every rank must call it alike.

    The timeout is passed again, because `new_group` does not inherit it. Raises PlanError if the
    axes do not use every rank.
    """
    world_group = dist.group.WORLD
    if world_group is None:
        raise GangBroken("the ranks have not met: call init_ranks first")
    if axes.num_ranks != dist.get_world_size():
        raise PlanError(f"{axes} does not fit the {dist.get_world_size()} ranks of this gang")

    def group(members: Callable[[int], list[int]]) -> dist.ProcessGroup:
        return _my_group(members, axes.num_ranks, timedelta(seconds=timeout_s))

    return RankContext(
        rank=dist.get_rank(),
        axes=axes,
        device=device,
        world_group=world_group,
        cfg_group=group(axes.cfg_members),
        sp_group=group(axes.sp_members),
        tp_group=group(axes.tp_members),
    )


def close_ranks() -> None:
    """Leave the process groups. A rank that failed may skip this and exit."""
    if dist.is_initialized():
        dist.destroy_process_group()


def free_port() -> int:
    """A TCP port that was free on this host a moment ago, for rank 0 to listen on."""
    with socket.socket() as listener:
        listener.bind(("", 0))
        port: int = listener.getsockname()[1]
        return port


def _my_group(
    members: Callable[[int], list[int]], num_ranks: int, timeout: timedelta
) -> dist.ProcessGroup:
    """Every rank makes every group of the axis, in the same order: torch requires it."""
    group_from_members = {
        ranks: dist.new_group(list(ranks), timeout=timeout)
        for ranks in sorted({tuple(members(rank)) for rank in range(num_ranks)})
    }
    mine: dist.ProcessGroup = group_from_members[tuple(members(dist.get_rank()))]
    return mine


def _attach_deepspeed(device: torch.device, timeout: timedelta) -> None:
    """Put DeepSpeed's communication object on top of the running process group.

    Its layers ask that object for a group's size and rank (`module_inject/layers.py`,
    `TensorParallel_Layer.__init__`) and fail without it. Left alone, `init_distributed` compiles
    the shared-memory all-reduce that ignores groups (see `collectives`), so that operator is
    declared not buildable first: DeepSpeed looks it up in this very dictionary.
    """
    import deepspeed.comm
    import deepspeed.ops
    from deepspeed.accelerator import get_accelerator

    if get_accelerator().device_name() != device.type:
        raise SettingsError(
            f"this rank computes on {device.type}, but DeepSpeed chose "
            f"{get_accelerator().device_name()}: set DS_ACCELERATOR={device.type} for its process"
        )
    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    deepspeed.comm.init_distributed(
        dist_backend=dist.get_backend(), auto_mpi_discovery=False, verbose=False, timeout=timeout
    )
