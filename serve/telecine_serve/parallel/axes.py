"""The shape of a gang: how many ranks on each axis, and which rank stands where. Pure.

Axes, outermost first: cfg (the conditional and the unconditional half), sp (the token sequence),
tp (the layers). The last one varies fastest, so the ranks of a tp group are consecutive: it sends
most and has to stay inside a node.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from telecine_platform.errors import PlanError

MAX_CFG_SIZE = 2
"""Guidance has two halves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axes:
    """Ranks per axis. Raises PlanError for sizes that no gang can have."""

    cfg_size: int = 1
    sp_size: int = 1
    tp_size: int = 1

    def __post_init__(self) -> None:
        if min(self.cfg_size, self.sp_size, self.tp_size) < 1 or self.cfg_size > MAX_CFG_SIZE:
            raise PlanError(f"{self}: every axis needs 1 rank or more, and cfg at most 2")

    def __str__(self) -> str:
        return f"cfg{self.cfg_size} x sp{self.sp_size} x tp{self.tp_size}"

    @property
    def num_ranks(self) -> int:
        return self.cfg_size * self.sp_size * self.tp_size

    def tp_members(self, rank: int) -> list[int]:
        """The ranks that share the layers with `rank`, in order; it is one of them."""
        first = rank - rank % self.tp_size
        return list(range(first, first + self.tp_size))

    def sp_members(self, rank: int) -> list[int]:
        """The ranks that share the token sequence with `rank`, in order."""
        num_half = self.sp_size * self.tp_size
        first = rank - rank % num_half + rank % self.tp_size
        return list(range(first, first + num_half, self.tp_size))

    def cfg_members(self, rank: int) -> list[int]:
        """The ranks with the same part of each half as `rank`, the conditional one first."""
        num_half = self.sp_size * self.tp_size
        return list(range(rank % num_half, self.num_ranks, num_half))


def axes_from_text(text: str) -> Axes:
    """Read what `str(axes)` writes: `cfg2 x sp2 x tp4`. Raises PlanError for anything else."""
    match = re.fullmatch(r"cfg(\d+) ?x ?sp(\d+) ?x ?tp(\d+)", text.strip())
    if match is None:
        raise PlanError(f"{text[:60]!r} names no axes; write them as `cfg2 x sp2 x tp4`")
    cfg_size, sp_size, tp_size = map(int, match.groups())
    return Axes(cfg_size=cfg_size, sp_size=sp_size, tp_size=tp_size)


def axes_from_world(
    world_size: int, cfg_size: int = 1, sp_size: int = 1, tp_size: int | None = None
) -> Axes:
    """Axes that use every rank; `tp_size` None takes what the others leave. Else PlanError."""
    if tp_size is None:
        tp_size = max(1, world_size // max(1, cfg_size * sp_size))
    axes = Axes(cfg_size=cfg_size, sp_size=sp_size, tp_size=tp_size)
    if axes.num_ranks != world_size:
        raise PlanError(f"{axes} is {axes.num_ranks} ranks, but the gang has {world_size} ranks")
    return axes
