"""Tensor parallelism: replace a transformer's layers by shards, as its family's table says.

DeepSpeed's layers hold the shards; the two places that communicate (row-parallel linear layers and
norms over a split width) all-reduce over our own group. Dims: B batch, S sequence, D width.
Invariant: everything is checked before the first layer is touched.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.distributed as dist
from deepspeed.module_inject.layers import LinearAllreduce, LinearLayer
from torch import nn

from telecine_platform.errors import PlanError
from telecine_serve.parallel.collectives import AllReduce, all_reduce_sum
from telecine_serve.parallel.rules import (
    ShardRule,
    Split,
    heads_of,
    shard_size,
    splits_from_rules,
)


def shard_tensor_parallel(
    transformer: nn.Module,
    rules: Sequence[ShardRule],
    group: dist.ProcessGroup,
    reduce: AllReduce = all_reduce_sum,
) -> None:
    """Keep this rank's shard of `transformer`, in place; a group of one rank changes nothing.

    `init_ranks` must have run, and the weights must be the same on all ranks. Raises PlanError if
    a rule matches nothing or a dimension does not divide by the group's size.
    """
    num_ranks = group.size()
    if num_ranks == 1:
        return
    splits = splits_from_rules((name for name, _ in transformer.named_modules()), rules)
    for name, split in splits.items():
        _check_divisible(name, transformer.get_submodule(name), split, num_ranks)
    for name, split in splits.items():
        module = transformer.get_submodule(name)
        if split is Split.HEADS:
            # WanAttention unflattens q, k and v by this attribute; there is no setter.
            module.heads = heads_of(name, module) // num_ranks  # type: ignore[assignment]
        else:
            transformer.set_submodule(name, _shard(module, split, group, reduce))
    for name, split in splits.items():
        if split is Split.HEADS:
            _fuse_norms(transformer.get_submodule(name))


class RowParallelLinear(LinearAllreduce):  # type: ignore[misc]  # deepspeed ships no types
    """DeepSpeed's row-parallel layer, with our all-reduce in place of its own.

    Takes this rank's slice of the inputs, `x_BSD` with D = width / ranks; gives the full outputs.
    """

    def __init__(self, linear: nn.Linear, group: dist.ProcessGroup, reduce: AllReduce) -> None:
        super().__init__(linear, group)
        self._group = group
        self._reduce = reduce

    def forward(self, x_BSD: torch.Tensor) -> torch.Tensor:
        partial_BSD = nn.functional.linear(x_BSD, self.weight)
        self._reduce(partial_BSD, self._group)
        return partial_BSD if self.bias is None else partial_BSD.add_(self.bias)


class ShardedRMSNorm(nn.Module):
    """RMSNorm over a width that is split over ranks: x / sqrt(mean(x^2) + eps) * weight.

    The sum of squares is taken and all-reduced in float32 and divided by the full width.
    Source: torch.nn.RMSNorm (arXiv:1910.07467, equation 4).
    """

    def __init__(self, norm: nn.RMSNorm, group: dist.ProcessGroup, reduce: AllReduce) -> None:
        super().__init__()
        (self.full_width,) = norm.normalized_shape
        self.eps = torch.finfo(torch.float32).eps if norm.eps is None else norm.eps
        # Cloned, so that the whole weight can be freed.
        local = norm.weight.detach().chunk(group.size())[group.rank()].clone()
        self.weight = nn.Parameter(local, requires_grad=False)
        self._group = group
        self._reduce = reduce
        self._own: _EarlySums | None = None
        self._sent_along: _EarlySums | None = None

    def share_all_reduce(self, keys: ShardedRMSNorm, projection: nn.Module) -> None:
        """Reduce the sums of `keys` together with this norm's own: small all-reduces cost their
        latency only.

        They are taken when the keys leave their `projection`. An attention that calls this norm
        before that gets the same numbers with an all-reduce more.
        """
        early = _EarlySums()
        self._sent_along = keys._own = early
        projection.register_forward_hook(lambda _module, _args, keys_BSD: early.take(keys_BSD))

    def forward(self, x_BSD: torch.Tensor) -> torch.Tensor:
        sums_BS1 = None if self._own is None else self._own.pop_reduced()
        if sums_BS1 is None:
            sums_BS1 = self._reduced(_sums_of_squares(x_BSD))
        scale_BS1 = torch.rsqrt(sums_BS1 / self.full_width + self.eps)
        return (x_BSD.float() * scale_BS1 * self.weight).to(x_BSD.dtype)

    def _reduced(self, sums_BS1: torch.Tensor) -> torch.Tensor:
        early = None if self._sent_along is None else self._sent_along.taken_BS1
        if self._sent_along is None or early is None:
            self._reduce(sums_BS1, self._group)
            return sums_BS1
        both = torch.cat([sums_BS1.flatten(), early.flatten()])
        self._reduce(both, self._group)
        num_own = sums_BS1.numel()
        self._sent_along.reduced_BS1 = both[num_own:].view(early.shape)
        return both[:num_own].view(sums_BS1.shape)


class _EarlySums:
    """The keys' sums of squares, from their projection to their norm. Each pass takes them anew, so
    nothing of a pass that failed is used in the next.
    """

    def __init__(self) -> None:
        self.taken_BS1: torch.Tensor | None = None
        self.reduced_BS1: torch.Tensor | None = None

    def take(self, keys_BSD: torch.Tensor) -> None:
        self.taken_BS1, self.reduced_BS1 = _sums_of_squares(keys_BSD), None

    def pop_reduced(self) -> torch.Tensor | None:
        reduced_BS1, self.taken_BS1, self.reduced_BS1 = self.reduced_BS1, None, None
        return reduced_BS1


def _sums_of_squares(x_BSD: torch.Tensor) -> torch.Tensor:
    return x_BSD.float().square().sum(dim=-1, keepdim=True)


def _fuse_norms(attention: nn.Module) -> None:
    """Where an attention norms queries and keys over a width that is split."""
    queries, keys = (getattr(attention, name, None) for name in ("norm_q", "norm_k"))
    if isinstance(queries, ShardedRMSNorm) and isinstance(keys, ShardedRMSNorm):
        queries.share_all_reduce(keys, attention.get_submodule("to_k"))


def _shard(
    module: nn.Module, split: Split, group: dist.ProcessGroup, reduce: AllReduce
) -> nn.Module:
    if isinstance(module, nn.RMSNorm):
        return ShardedRMSNorm(module, group, reduce)
    if isinstance(module, nn.Linear) and split is Split.ROW:
        return RowParallelLinear(module, group, reduce)
    column: nn.Module = LinearLayer(module, group)
    return column


def _check_divisible(name: str, module: nn.Module, split: Split, num_ranks: int) -> None:
    if split is Split.HEADS:
        shard_size(name, "heads", heads_of(name, module), num_ranks)
    elif split is Split.NORM:
        if not isinstance(module, nn.RMSNorm) or len(module.normalized_shape) != 1:
            raise PlanError(f"{name} is a {type(module).__name__}, not an RMSNorm over one dim")
        shard_size(name, "norm weights", module.normalized_shape[0], num_ranks)
    elif not isinstance(module, nn.Linear):
        raise PlanError(f"{name} is a {type(module).__name__}, not a linear layer")
    elif split is Split.COLUMN:
        shard_size(name, "outputs", module.out_features, num_ranks)
    else:
        shard_size(name, "inputs", module.in_features, num_ranks)
