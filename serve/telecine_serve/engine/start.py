"""From a model folder to an engine that may serve: the steps and their order, in one place.

Invariant: no engine of several ranks exists whose all-reduce was not checked.
"""

from __future__ import annotations

from pathlib import Path

import torch

from telecine_platform.catalogue import ModelCard
from telecine_serve.engine.pipeline import Engine
from telecine_serve.models.wan import load_wan
from telecine_serve.models.wan_sharding import WAN_SHARDING
from telecine_serve.parallel.collectives import all_reduce_sum
from telecine_serve.parallel.mesh import RankContext
from telecine_serve.parallel.selftest import check_subgroup_all_reduce


def start_engine(
    folder: Path, card: ModelCard, device: torch.device, ranks: RankContext | None = None
) -> Engine:
    """Load `folder` on this rank and divide it among the ranks; every rank of a gang calls it.

    bfloat16 on a GPU, float32 on a CPU. The gang is ready when this has returned on all ranks.
    Raises CollectiveError, ModelError or PlanError.
    """
    if ranks is not None:
        groups = (ranks.tp_group, ranks.world_group)
        check_subgroup_all_reduce(groups, all_reduce_sum, device)
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    is_leader = ranks is None or ranks.is_leader
    model = load_wan(folder, card, dtype, device, with_ends=is_leader)
    if ranks is not None and ranks.tp_size > 1:
        # Imported here: a single process does not need DeepSpeed.
        from telecine_serve.parallel.tensor import shard_tensor_parallel

        shard_tensor_parallel(model.transformer, WAN_SHARDING, ranks.tp_group, all_reduce_sum)
    return Engine(model, ranks)
