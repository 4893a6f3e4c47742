"""Leave out most of a transformer in a step that changes little, and use what the last one found.

The first block always runs. If what it adds to the tokens is nearly what it added in the last full
pass, then so are the other blocks, and what they added together then is added again. Source: the
first-block cache of ParaAttention, a simplification of TeaCache (arXiv:2411.19108). diffusers has
it too (0.42.1 `hooks/first_block_cache.py`), but each rank decides there for itself, and ranks that
decide differently wait for each other for ever. Invariant: all ranks that share a pass leave out
its blocks, or none does; with threshold 0 nothing of the transformer is touched. Dims: B batch, S
tokens (this rank's), D width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from telecine_serve.parallel.collectives import all_reduce_sum
from telecine_serve.parallel.mesh import RankContext

_Forward = Callable[..., torch.Tensor]
"""Of a block: `hidden_BSD`, in its place or by diffusers' name, and what else it is given."""


@dataclass(frozen=True, slots=True)
class _Added:
    """What the blocks added to the tokens in a full pass, `_BSD`."""

    by_first: torch.Tensor
    by_others: torch.Tensor


class StepCache:
    """Of one clip, from step to step."""

    def __init__(self, threshold: float, ranks: RankContext | None = None) -> None:
        """`threshold`: the relative change (L1) below which the other blocks are left out."""
        self._threshold = threshold
        self._ranks = ranks
        self._transformer: nn.Module | None = None
        self._added_from_half: dict[int, _Added] = {}
        """In the last full pass."""
        self.num_reused = 0
        """Passes whose other blocks were left out."""

    @contextmanager
    def one_pass(self, transformer: nn.Module, blocks_name: str, half: int) -> Iterator[None]:
        """A forward pass of `transformer` within the block may be shortened.

        `blocks_name` is its list of blocks; `half` tells guidance's two apart. Collective over the
        ranks that share the pass.
        """
        blocks = list(transformer.get_submodule(blocks_name).children())
        if self._threshold <= 0 or len(blocks) == 1:
            yield
            return
        if transformer is not self._transformer:  # the other expert: it remembers nothing yet
            self._transformer, self._added_from_half = transformer, {}
        shortened = _Pass(self._added_from_half.get(half), self._is_alike)
        first, *others = blocks
        compiled = [block.__dict__.get("forward") for block in blocks]  # None: they are plain
        # Assigned to the instance, so that hooks on the blocks still run, also on those left out.
        first.forward = shortened.first(first.forward)
        for block in others:
            is_last = block is others[-1]
            block.forward = shortened.other(block.forward, is_last=is_last)
        try:
            yield
        finally:
            for block, forward in zip(blocks, compiled, strict=True):
                del block.forward
                if forward is not None:
                    block.forward = forward
        self.num_reused += shortened.is_reused
        if shortened.added is not None:
            self._added_from_half[half] = shortened.added

    def _is_alike(
        self, added_BSD: torch.Tensor, before_BSD: torch.Tensor, is_token_BS1: torch.Tensor
    ) -> bool:
        change = relative_change(added_BSD, before_BSD, is_token_BS1, self._ranks)
        return change < self._threshold


class _Pass:
    """What the blocks of one forward pass share."""

    def __init__(
        self,
        before: _Added | None,
        is_alike: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], bool],
    ) -> None:
        self._is_alike = is_alike
        self.added = before
        """By the last full pass: this one, once it has gone through all blocks."""
        self.is_reused = False

    def first(self, forward: _Forward) -> _Forward:
        def run_and_decide(hidden_states: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
            hidden_BSD = hidden_states
            self._after_first_BSD = forward(hidden_BSD, *args, **kwargs)
            self._by_first_BSD = self._after_first_BSD - hidden_BSD
            if self.added is not None:
                # What sequence parallelism pads with comes in as zeros, and counts for nothing.
                is_token_BS1 = (hidden_BSD != 0).any(dim=-1, keepdim=True)
                before_BSD = self.added.by_first
                self.is_reused = self._is_alike(self._by_first_BSD, before_BSD, is_token_BS1)
            return self._after_first_BSD

        return run_and_decide

    def other(self, forward: _Forward, *, is_last: bool) -> _Forward:
        def run_or_reuse(hidden_states: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
            hidden_BSD = hidden_states
            if self.is_reused and self.added is not None:
                return hidden_BSD + self.added.by_others if is_last else hidden_BSD
            out_BSD = forward(hidden_BSD, *args, **kwargs)
            if is_last:
                by_others_BSD = out_BSD - self._after_first_BSD
                self.added = _Added(self._by_first_BSD, by_others_BSD)
            return out_BSD

        return run_or_reuse


def relative_change(
    added_BSD: torch.Tensor,
    before_BSD: torch.Tensor,
    is_token_BS1: torch.Tensor,
    ranks: RankContext | None,
) -> float:
    """Mean |added - before| over mean |before|, over the tokens of all ranks; the same on each.

    Sums go over sp, whose ranks have other tokens, and then over tp, whose ranks have the same
    ones: equal up to rounding is not enough where a bit decides.
    """
    difference_BSD = (added_BSD - before_BSD).abs() * is_token_BS1
    size_BSD = before_BSD.abs() * is_token_BS1
    sums = torch.stack([x_BSD.sum(dtype=torch.float32) for x_BSD in (difference_BSD, size_BSD)])
    for group in () if ranks is None else (ranks.sp_group, ranks.tp_group):
        if group.size() > 1:
            all_reduce_sum(sums, group)
    difference, size = sums.tolist()
    return difference / size if size else float("inf")
