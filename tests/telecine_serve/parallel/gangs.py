"""One spawn for each gang size, with everything that tests want to know from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from telecine_serve.parallel.axes import Axes
from tests.telecine_serve.parallel.forwards import (
    CPU,
    Difference,
    differences,
    forward,
    small_transformer,
)

AXES_OF_TWO = (Axes(tp_size=2), Axes(sp_size=2), Axes(cfg_size=2))
AXES_OF_FOUR = (
    Axes(sp_size=2, tp_size=2),
    Axes(cfg_size=2, tp_size=2),
    Axes(cfg_size=2, sp_size=2),
    Axes(tp_size=4),
    Axes(sp_size=4),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GangReport:
    """What one rank found."""

    difference_from_axes: dict[str, dict[str, Difference]]
    messages: dict[str, str]
    """Errors by the attempt that raised them."""
    members_from_axis: dict[str, list[int]]
    """Who is in this rank's groups, of the gang's first axes."""
    num_reduces_from_processor: dict[str, int]
    """All-reduces of a forward pass through two tensor-parallel blocks."""
    is_trap_built: bool
    """Whether DeepSpeed's own all-reduce, which ignores groups, is there."""


def report(rank: int, world_size: int, port: int) -> GangReport:
    """Run by every rank of a gang of two or four."""
    import torch.distributed as dist

    from telecine_serve.parallel.collectives import all_reduce_sum
    from telecine_serve.parallel.mesh import close_ranks, init_ranks
    from telecine_serve.parallel.selftest import check_subgroup_all_reduce

    all_axes = AXES_OF_TWO if world_size == 2 else AXES_OF_FOUR
    ranks = init_ranks(
        rank,
        world_size,
        "127.0.0.1",
        port,
        CPU,
        cfg_size=all_axes[0].cfg_size,
        sp_size=all_axes[0].sp_size,
        timeout_s=60,
    )
    check_subgroup_all_reduce(ranks.groups, all_reduce_sum, CPU)
    groups = {"tp": ranks.tp_group, "sp": ranks.sp_group, "cfg": ranks.cfg_group}
    result = GangReport(
        difference_from_axes={str(axes): differences(axes) for axes in all_axes},
        messages=_plan_errors() if world_size == 2 else {},
        num_reduces_from_processor=_count_reduces() if world_size == 2 else {},
        members_from_axis={
            name: dist.get_process_group_ranks(group) for name, group in groups.items()
        },
        is_trap_built=hasattr(torch.ops.deepspeed, "inference_all_reduce_"),
    )
    close_ranks()
    return result


def _plan_errors() -> dict[str, str]:
    from telecine_serve.models.attention import attend
    from telecine_serve.models.wan.attention import WanGangProcessor
    from telecine_serve.models.wan.sharding import WAN_SEQUENCE, WAN_SHARDING
    from telecine_serve.parallel.mesh import arrange_ranks
    from telecine_serve.parallel.rules import ShardRule, Split
    from telecine_serve.parallel.sequence import split_sequence
    from telecine_serve.parallel.tensor import shard_tensor_parallel

    group = arrange_ranks(Axes(tp_size=2), CPU, timeout_s=60).tp_group

    def shard(*rules: ShardRule, num_heads: int = 4) -> str:
        transformer = small_transformer(num_heads)
        return _message(
            lambda: shard_tensor_parallel(transformer, rules, group), lambda: str(transformer)
        )

    odd = small_transformer(num_heads=3)
    return {
        "unknown": shard(*WAN_SHARDING, ShardRule("blocks.*.attn9.to_q", Split.COLUMN)),
        "odd heads": shard(*WAN_SHARDING, num_heads=3),
        "wrong kind": shard(ShardRule("blocks.*.norm2", Split.ROW)),
        "odd heads in sequence": _message(
            lambda: split_sequence(odd, WAN_SEQUENCE, group, attend, WanGangProcessor),
            lambda: str([odd, odd.blocks[0].attn1.processor]),
        ),
        "axes": _message(lambda: arrange_ranks(Axes(tp_size=4), CPU), lambda: ""),
    }


def _count_reduces() -> dict[str, int]:
    """With diffusers' own attention, and with the one for sequence parallelism."""
    from telecine_serve.models.attention import attend
    from telecine_serve.models.wan.attention import WanGangProcessor
    from telecine_serve.models.wan.sharding import WAN_SHARDING
    from telecine_serve.parallel.collectives import all_reduce_sum
    from telecine_serve.parallel.mesh import arrange_ranks
    from telecine_serve.parallel.tensor import shard_tensor_parallel

    group = arrange_ranks(Axes(tp_size=2), CPU, timeout_s=60).tp_group
    sizes: list[int] = []

    def counted(tensor: torch.Tensor, group: torch.distributed.ProcessGroup) -> None:
        sizes.append(tensor.numel())
        all_reduce_sum(tensor, group)

    transformer = small_transformer()
    shard_tensor_parallel(transformer, WAN_SHARDING, group, counted)
    found = {}
    for name in ("diffusers", "sequence"):
        if name == "sequence":
            for block in transformer.blocks:
                block.attn1.set_processor(WanGangProcessor(attend))
        sizes.clear()
        forward(transformer, "48 tokens")
        found[name] = len(sizes)
    return found


def _message(attempt: Callable[[], object], look: Callable[[], str]) -> str:
    from telecine_platform.errors import PlanError

    before = look()
    try:
        attempt()
    except PlanError as error:
        assert look() == before, "a refused transformer must stay whole"
        return str(error)
    return ""
