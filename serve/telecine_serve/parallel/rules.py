"""How a model family divides over ranks, written as tables of data.

A table names modules; this file matches it to a model's module names. Invariant: nothing is
skipped quietly. An entry that matches no module means that the library renamed something, and the
model would run with wrong numbers, so it raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

import torch

from telecine_platform.errors import PlanError

Attend = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""Softmax attention of query, key and value, each `x_BSHD`, without mask; gives `x_BSHD`."""


class Split(StrEnum):
    """What a rank keeps of a module."""

    COLUMN = "column"
    """A linear layer's slice of the outputs: no communication."""
    ROW = "row"
    """A linear layer's slice of the inputs: partial sums are all-reduced, the bias added once."""
    NORM = "norm"
    """An RMSNorm over the split width: the sum of squares is all-reduced."""
    HEADS = "heads"
    """An attention module's own count of heads."""


@dataclass(frozen=True, slots=True)
class ShardRule:
    """One line of a family's table."""

    pattern: str
    """Module name in which `*` stands for any text, as in `blocks.*.attn1.to_q`."""
    split: Split


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceRules:
    """Where a family's transformer handles the token sequence; each names modules as above."""

    positions: str
    """Gives rotary embeddings for all tokens, a tuple of tensors with S as dim 1."""
    first_block: str
    """Its first argument, or `hidden_states` by name, is `hidden_BSD`: from here on a rank has its
    slice of the tokens."""
    last_projection: str
    """Its output is `velocity_BSP`: here the slices are joined again."""
    attention: str
    """Self-attention modules: they have `heads` and take another processor."""


def splits_from_rules(names: Iterable[str], rules: Iterable[ShardRule]) -> dict[str, Split]:
    """Module name to split, for every module that the rules mention.

    Raises PlanError for a rule that matches nothing, and for a module that two rules claim.
    """
    all_names = tuple(names)
    splits: dict[str, Split] = {}
    for rule in rules:
        for name in matching_names(all_names, rule.pattern):
            if name in splits:
                raise PlanError(
                    f"module {name!r} is claimed twice, as {splits[name]} and by "
                    f"{rule.pattern!r} ({rule.split})"
                )
            splits[name] = rule.split
    return splits


def matching_names(names: Iterable[str], pattern: str) -> list[str]:
    """The module names that `pattern` stands for; PlanError if there is none."""
    matches = [name for name in names if fnmatchcase(name, pattern)]
    if not matches:
        raise PlanError(
            f"sharding rule {pattern!r} matches no module: "
            "the table does not fit this model or this version of diffusers"
        )
    return matches


def shard_size(
    name: str, what: str, size: int, num_ranks: int, axis: str = "tensor-parallel"
) -> int:
    """`size / num_ranks`, or PlanError: uneven shards would need padding that we do not have."""
    if size % num_ranks:
        raise PlanError(f"{name}: {size} {what} do not divide over {num_ranks} {axis} ranks")
    return size // num_ranks


def heads_of(name: str, module: object) -> int:
    """An attention module's count of heads; PlanError if it has none."""
    heads = getattr(module, "heads", None)
    if not isinstance(heads, int):
        raise PlanError(f"{name} is a {type(module).__name__} without a count of heads")
    return heads
