"""From a model folder to an engine that may serve: the steps and their order, in one place.

Invariant: no engine of several ranks exists whose all-reduce was not checked.
"""

from __future__ import annotations

from pathlib import Path

import torch

from telecine_platform.catalogue import ModelCard
from telecine_serve.engine.adapters import Adapters
from telecine_serve.engine.compiled import CompiledBlocks
from telecine_serve.engine.pipeline import Engine
from telecine_serve.engine.warm_up import warm_up
from telecine_serve.models.load import load_model
from telecine_serve.parallel.collectives import all_reduce_sum
from telecine_serve.parallel.mesh import RankContext
from telecine_serve.parallel.placement import ALL_ON_GPU, Placement
from telecine_serve.parallel.selftest import check_subgroup_all_reduce


def start_engine(
    folder: Path,
    card: ModelCard,
    device: torch.device,
    ranks: RankContext | None = None,
    placement: Placement = ALL_ON_GPU,
    adapters: Adapters | None = None,
    *,
    compile_blocks: bool = False,
) -> Engine:
    """Load this rank's part of `folder`; every rank of a gang calls it alike.

    bfloat16 on a GPU, float32 on a CPU. With `compile_blocks` the transformer's blocks are compiled
    now, unless their weights are streamed: those change places in every pass. The gang is ready
    when this has returned on all ranks. Raises CollectiveError, ModelError, PlanError or
    SettingsError.
    """
    if ranks is not None:
        check_subgroup_all_reduce(ranks.groups, all_reduce_sum, device)
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    model = load_model(folder, card, dtype, device, ranks, placement)
    if not compile_blocks or placement.are_weights_streamed:
        return Engine(model, ranks, adapters)
    engine = Engine(model, ranks, adapters, CompiledBlocks(model.blocks))
    warm_up(engine, ranks)
    return engine
