"""How a model family divides over tensor-parallel ranks, written as a table of data.

A table names modules; this file matches it to a model's module names. Invariant: nothing is
skipped quietly. An entry that matches no module means that the library renamed something, and the
model would run with wrong numbers, so it raises.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from telecine_platform.errors import PlanError


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


def splits_from_rules(names: Iterable[str], rules: Iterable[ShardRule]) -> dict[str, Split]:
    """Module name to split, for every module that the rules mention.

    Raises PlanError for a rule that matches nothing, and for a module that two rules claim.
    """
    all_names = tuple(names)
    splits: dict[str, Split] = {}
    for rule in rules:
        matches = [name for name in all_names if fnmatchcase(name, rule.pattern)]
        if not matches:
            raise PlanError(
                f"sharding rule {rule.pattern!r} ({rule.split}) matches no module: "
                "the table does not fit this model or this version of diffusers"
            )
        for name in matches:
            if name in splits:
                raise PlanError(
                    f"module {name!r} is claimed twice, as {splits[name]} and by "
                    f"{rule.pattern!r} ({rule.split})"
                )
            splits[name] = rule.split
    return splits


def shard_size(name: str, what: str, size: int, num_ranks: int) -> int:
    """`size / num_ranks`, or PlanError: uneven shards would need padding that we do not have."""
    if size % num_ranks:
        raise PlanError(
            f"{name}: {size} {what} do not divide over {num_ranks} tensor-parallel ranks"
        )
    return size // num_ranks
