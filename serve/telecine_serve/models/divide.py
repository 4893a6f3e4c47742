"""Put a transformer on a gang: the parallelisms in their fixed order, by its family's tables."""

from __future__ import annotations

from typing import Any

from torch import nn

from telecine_serve.models.attention import attend
from telecine_serve.models.family import Family
from telecine_serve.parallel.mesh import RankContext
from telecine_serve.parallel.rules import matching_names


def divide(transformer: nn.Module, family: Family, ranks: RankContext) -> None:
    """Divide `transformer` in place along the axes of `ranks`; PlanError if it does not divide."""
    # DeepSpeed is imported late, as a rank on its own does not need it.
    # Layers first: sequence parallelism divides the heads that are left.
    if ranks.tp_size > 1:
        from telecine_serve.parallel.tensor import shard_tensor_parallel

        shard_tensor_parallel(transformer, family.sharding_rules(transformer), ranks.tp_group)
        names = [name for name, _ in transformer.named_modules()]
        for name in matching_names(names, family.sequence.attention):
            attention: Any = transformer.get_submodule(name)  # Any: diffusers ships no types
            attention.set_processor(family.new_processor(attend, ranks))
    if ranks.sp_size > 1:
        from telecine_serve.parallel.sequence import split_sequence

        split_sequence(
            transformer,
            family.sequence,
            ranks.sp_group,
            attend,
            lambda distributed: family.new_processor(distributed, ranks),
        )
    # The cfg axis divides the two halves of a step, not the model: see `guidance`.
