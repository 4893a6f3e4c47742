"""Process groups: which ranks work together on one axis of the job.

Axes, outermost first: world > tp (tensor parallel, consecutive ranks, so that it stays inside a
node). Groups are held in a `RankContext` that is passed down; there are no module-level groups of
ours. Invariant: every collective has a finite timeout, so a dead peer never hangs a rank for ever.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist

from telecine_platform.errors import GangBroken, PlanError, SettingsError

_LEADER_RANK = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RankContext:
    """This process's place in its gang."""

    rank: int
    world_size: int
    device: torch.device
    world_group: dist.ProcessGroup
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
    def tp_size(self) -> int:
        return self.tp_group.size()


def init_ranks(
    rank: int,
    world_size: int,
    master_addr: str,
    master_port: int,
    device: torch.device,
    *,
    tp_size: int | None = None,
    timeout_s: float = 300.0,
) -> RankContext:
    """Meet the other ranks and make the groups; every rank of the gang must call it.

    Rank 0 listens on `master_port` of `master_addr`. `tp_size` is the whole world if not given.
    Raises PlanError if `world_size` is no multiple of `tp_size`, GangBroken if the ranks do not
    meet within `timeout_s`, SettingsError if DeepSpeed chose another kind of device.
    """
    tp_size = world_size if tp_size is None else tp_size
    if world_size % tp_size:
        raise PlanError(f"{world_size} ranks are not a multiple of tp_size {tp_size}")
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
        tp_group = _make_tp_group(rank, world_size, tp_size, timeout)
    except RuntimeError as error:
        raise GangBroken(
            f"rank {rank} of {world_size} did not meet its peers at {master_addr}:{master_port} "
            f"within {timeout_s} s: {error}"
        ) from error
    _attach_deepspeed(device, timeout)
    world_group = dist.group.WORLD
    if world_group is None:
        raise GangBroken("torch.distributed has no world group right after it was started")
    return RankContext(
        rank=rank, world_size=world_size, device=device, world_group=world_group, tp_group=tp_group
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


def _make_tp_group(
    rank: int, world_size: int, tp_size: int, timeout: timedelta
) -> dist.ProcessGroup:
    """Every rank makes every group, in the same order: torch requires it.

    The timeout is passed again, because `new_group` does not inherit it.
    """
    mine: dist.ProcessGroup | None = None
    for first in range(0, world_size, tp_size):
        members = list(range(first, first + tp_size))
        group = dist.new_group(members, timeout=timeout)
        if rank in members:
            mine = group
    if mine is None:
        raise PlanError(f"rank {rank} is not among {world_size} ranks")
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
