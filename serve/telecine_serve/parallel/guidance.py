"""Classifier-free guidance (arXiv:2207.12598), its two halves on one rank or on two.

The halves are independent forward passes, so they cost one small exchange per step: each rank
predicts one and gathers the other. Dims: B batch, C channels, T frames, H height, W width; S text
tokens, D width. Invariant: every rank of the gang ends a step with the same velocity.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from telecine_serve.parallel.collectives import all_gather
from telecine_serve.parallel.mesh import RankContext


def guided_velocity(
    predict: Callable[[int], torch.Tensor],
    num_halves: int,
    guidance_scale: float,
    ranks: RankContext | None,
) -> torch.Tensor:
    """Velocity `BCTHW` of one half, or of two (0 conditional, 1 unconditional) guided.

    `predict` is the forward pass of a half. A single half is predicted by both sides of a cfg axis
    alike: a request without guidance gains nothing from one.
    """
    if num_halves == 1:
        return predict(0)
    if ranks is None or ranks.cfg_size == 1:
        conditional_BCTHW, unconditional_BCTHW = predict(0), predict(1)
    else:
        mine_BCTHW = predict(ranks.cfg_group.rank())
        both_BCTHW = all_gather(mine_BCTHW, ranks.cfg_group, dim=0)
        conditional_BCTHW, unconditional_BCTHW = both_BCTHW.chunk(2)
    return unconditional_BCTHW + guidance_scale * (conditional_BCTHW - unconditional_BCTHW)
