"""Weights that wait on the host, divided over the gang, and are gathered block by block.

DeepSpeed's ZeRO-3 with parameter offload (arXiv:1910.02054, arXiv:2104.07857) without a backward
pass: each rank keeps an equal part of every parameter in host memory; before a block computes, the
parts are copied to the devices and all-gathered, the next block's meanwhile, and after it the whole
is dropped. Not through `deepspeed.initialize`, which builds a training engine around the one class
that does this. Invariant: every rank gathers the same blocks in the same order. A block is a
ZeRO leaf, so it is gathered when it is called, also if a step cache leaves out what it computes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import torch
import torch.distributed as dist
from deepspeed.runtime.zero.parameter_offload import DeepSpeedZeRoOffload
from deepspeed.runtime.zero.partition_parameters import Init
from deepspeed.utils import set_z3_leaf_module
from torch import nn

from telecine_serve.parallel.collectives import peers_expected
from telecine_serve.parallel.locked_pages import lock_pages

_HOST = "cpu"
_MIN_LOCKED_BYTES = 1 << 20
"""Smaller tensors share pages with others."""


class WeightStream:
    """Of one transformer over a group, which has to be the whole gang: DeepSpeed compares what it
    recorded over all ranks.
    """

    def __init__(self, group: dist.ProcessGroup, device: torch.device) -> None:
        """It computes on `device`."""
        self._group = group
        self._device = device
        self._first: nn.Parameter | None = None
        self._whole = torch.empty(0, dtype=torch.uint8, device=device)

    def kept(self, tensor: torch.Tensor, dtype: torch.dtype) -> nn.Parameter:
        """A parameter of which this rank keeps its part only, and nothing is whole.

        Collective: the group's first rank says what the values are. Raises GangBroken if a peer
        died.
        """
        whole = self._room(tensor.numel() * dtype.itemsize).view(dtype).view(tensor.shape)
        parameter = nn.Parameter(whole.copy_(tensor), requires_grad=False)
        with peers_expected("dividing weights", self._group):
            self._divide(parameter)
        part: torch.Tensor = parameter.ds_tensor  # type: ignore[attr-defined]  # DeepSpeed's
        if self._device.type == "cuda" and part.nbytes >= _MIN_LOCKED_BYTES:
            lock_pages(part)
        return parameter

    def attach(self, transformer: nn.Module, blocks: Iterable[nn.Module]) -> None:
        """Have the weights of `transformer`, all of them kept, gathered whenever they are used."""
        self._whole = self._whole[:0].clone()
        block_sizes = []
        for block in blocks:
            set_z3_leaf_module(block, True)
            block_sizes.append(sum(_full_size(parameter) for parameter in block.parameters()))
        gathering = _Gathering(transformer, self._group, max(block_sizes))
        for hook in gathering.backward_hooks:
            hook.remove()

    def _room(self, num_bytes: int) -> torch.Tensor:
        """The same memory for one whole parameter after the other: to take and free it each time
        leaves holes between the parts, which came to 290 MB beside 421 MB of parts.
        """
        if self._whole.nbytes < num_bytes:
            self._whole = torch.empty(num_bytes, dtype=torch.uint8, device=self._device)
        return self._whole[:num_bytes]

    def _divide(self, parameter: nn.Parameter) -> None:
        if self._first is not None:
            self._first.convert_to_zero_parameters([parameter])  # type: ignore[attr-defined]
            return
        # ZeRO asks the environment which device is this process's; no setting of ours.
        os.environ["LOCAL_RANK"] = str(self._device.index or 0)  # noqa: TID251
        Init(
            module=nn.ParameterList([parameter]),
            data_parallel_group=self._group,
            mem_efficient_linear=False,  # it would replace torch's linear everywhere
            remote_device=_HOST,
            dtype=parameter.dtype,
        )
        self._first = parameter


class _Gathering(DeepSpeedZeRoOffload):  # type: ignore[misc]  # deepspeed ships no types
    """DeepSpeed's hooks on every module, with our word for a lost peer."""

    def __init__(self, transformer: nn.Module, group: dist.ProcessGroup, block_size: int) -> None:
        """`block_size` in parameters."""
        self._group = group
        super().__init__(
            transformer,
            timers=None,
            ds_config=None,
            prefetch_bucket_size=block_size,
            max_live_parameters=3 * block_size,
            max_reuse_distance=0,
            param_persistence_threshold=0,
            dp_process_group=group,
        )

    def pre_sub_module_forward_function(self, sub_module: nn.Module) -> None:
        with peers_expected("gathering weights", self._group):
            super().pre_sub_module_forward_function(sub_module)


def _full_size(parameter: Any) -> int:  # Any: DeepSpeed gives its parameters further attributes
    size: int = parameter.ds_numel
    return size
