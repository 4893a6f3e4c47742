"""Put a Wan transformer on a gang: the parallelisms in their fixed order."""

from __future__ import annotations

from torch import nn

from telecine_serve.models.wan_sharding import WAN_SEQUENCE, sharding_rules
from telecine_serve.parallel.mesh import RankContext


def parallelize_wan(transformer: nn.Module, ranks: RankContext) -> None:
    """Divide `transformer` in place along the axes of `ranks`; PlanError if it does not divide."""
    # DeepSpeed is imported late, as a rank on its own does not need it.
    # Layers first: sequence parallelism divides the heads that are left.
    if ranks.tp_size > 1:
        from telecine_serve.parallel.tensor import shard_tensor_parallel

        shard_tensor_parallel(transformer, sharding_rules(transformer), ranks.tp_group)
    if ranks.sp_size > 1:
        from telecine_serve.models.wan_attention import WanSequenceProcessor, attend
        from telecine_serve.parallel.sequence import split_sequence

        split_sequence(transformer, WAN_SEQUENCE, ranks.sp_group, attend, WanSequenceProcessor)
    # The cfg axis divides the two halves of a step, not the model: see `guidance`.
