"""Sequence parallelism: each rank carries a slice of the tokens, and attention sees all of them.

Ulysses (arXiv:2309.14509) with DeepSpeed's DistributedAttention: before self-attention an
all-to-all trades slices of tokens for slices of heads, after it back. Any number of tokens works:
they are padded to a multiple of the ranks, and the padding is cut off before attention and at the
end, so it needs no mask. Dims: B batch, S tokens (Z: padded), H heads, D width of a head or token,
P values of a patch. Invariant: outside the model nothing changes; its input and output are whole.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
from deepspeed.sequence.layer import DistributedAttention
from torch import nn

from telecine_platform.errors import PlanError
from telecine_serve.parallel.collectives import all_gather, peers_expected
from telecine_serve.parallel.rules import (
    Attend,
    SequenceRules,
    heads_of,
    matching_names,
    shard_size,
)


def split_sequence(
    transformer: nn.Module,
    rules: SequenceRules,
    group: dist.ProcessGroup,
    attend: Attend,
    new_processor: Callable[[Attend], object],
) -> None:
    """Divide the tokens of `transformer` over `group`, in place; one rank changes nothing.

    After `shard_tensor_parallel`: the heads that are left have to divide again, else PlanError.
    `new_processor` makes the family's self-attention processor around a distributed `attend`.
    From now on `timestep` is passed by keyword.
    """
    num_ranks = group.size()
    if num_ranks == 1:
        return
    names = [name for name, _ in transformer.named_modules()]
    (positions,) = matching_names(names, rules.positions)
    (first_block,) = matching_names(names, rules.first_block)
    (last_projection,) = matching_names(names, rules.last_projection)
    attentions: list[Any] = []  # Any: diffusers ships no types
    for name in matching_names(names, rules.attention):
        module = transformer.get_submodule(name)
        shard_size(name, "heads", heads_of(name, module), num_ranks, "sequence-parallel")
        attentions.append(module)

    split = _SequenceSplit(group)
    for attention in attentions:
        attention.set_processor(new_processor(UlyssesAttention(attend, split)))
    transformer.register_forward_pre_hook(split.slice_timesteps, with_kwargs=True)
    transformer.get_submodule(positions).register_forward_hook(split.slice_positions)
    transformer.get_submodule(first_block).register_forward_pre_hook(
        split.slice_hidden, with_kwargs=True
    )
    transformer.get_submodule(last_projection).register_forward_hook(split.join)


class _SequenceSplit:
    """What the hooks of one transformer share: the true number of tokens of this forward pass."""

    def __init__(self, group: dist.ProcessGroup) -> None:
        self.group = group
        self.num_tokens = 0

    def slice_timesteps(
        self,
        _module: nn.Module,
        args: tuple[Any, ...],  # Any: what the caller gives the transformer
        kwargs: dict[str, Any],
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Per-token timesteps, `timestep_BS` (Wan 2.2 TI2V), are sliced; `timestep_B` stays."""
        timestep = kwargs.get("timestep")
        if timestep is None:
            raise PlanError("a sequence-parallel transformer takes `timestep` by keyword")
        if timestep.ndim == 2:
            kwargs = {**kwargs, "timestep": self._slice(timestep)}
        return args, kwargs

    def slice_positions(
        self, _module: nn.Module, _args: object, output: tuple[torch.Tensor, ...]
    ) -> tuple[torch.Tensor, ...]:
        self.num_tokens = output[0].shape[1]
        return tuple(self._slice(rotary_1S1D) for rotary_1S1D in output)

    def slice_hidden(
        self,
        _module: nn.Module,
        args: tuple[Any, ...],  # Any: what the transformer gives its block
        kwargs: dict[str, Any],
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if args:
            hidden_BSD, *rest = args
            return (self._slice(hidden_BSD), *rest), kwargs
        return args, {**kwargs, "hidden_states": self._slice(kwargs["hidden_states"])}

    def join(self, _module: nn.Module, _args: object, slice_BSP: torch.Tensor) -> torch.Tensor:
        padded_BZP = all_gather(slice_BSP, self.group, dim=1)
        return padded_BZP[:, : self.num_tokens]

    def _slice(self, x_BS: torch.Tensor) -> torch.Tensor:
        """This rank's part of dim 1, padded with zeros to equal parts."""
        num_ranks = self.group.size()
        num_missing = -x_BS.shape[1] % num_ranks
        if num_missing:
            padding_shape = (x_BS.shape[0], num_missing, *x_BS.shape[2:])
            x_BS = torch.cat([x_BS, x_BS.new_zeros(padding_shape)], dim=1)
        return x_BS.chunk(num_ranks, dim=1)[self.group.rank()]


class UlyssesAttention:
    """Attention over all tokens for ranks that each hold a slice of them, `x_BSHD`.

    Raises GangBroken if a peer died.
    """

    def __init__(self, attend: Attend, split: _SequenceSplit) -> None:
        self._split = split
        self._attend = attend
        self._distributed = DistributedAttention(
            self._attend_unpadded, split.group, scatter_idx=2, gather_idx=1
        )

    # Compiled in, it would be compiled anew for every number of tokens, which it keeps as a number.
    @torch.compiler.disable  # type: ignore[untyped-decorator]  # torch types it so
    def __call__(
        self, query_BSHD: torch.Tensor, key_BSHD: torch.Tensor, value_BSHD: torch.Tensor
    ) -> torch.Tensor:
        with peers_expected("sequence-parallel attention", self._split.group):
            out_BSHD: torch.Tensor = self._distributed(
                query_BSHD, key_BSHD, value_BSHD, batch_dim_idx=0
            )
        return out_BSHD

    def _attend_unpadded(
        self, query_BZHD: torch.Tensor, key_BZHD: torch.Tensor, value_BZHD: torch.Tensor
    ) -> torch.Tensor:
        """Here S is whole and H sliced. Padded queries stay: `join` cuts their rows off."""
        num_tokens = self._split.num_tokens
        return self._attend(query_BZHD, key_BZHD[:, :num_tokens], value_BZHD[:, :num_tokens])
