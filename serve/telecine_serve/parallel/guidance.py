"""Classifier-free guidance (arXiv:2207.12598), its two halves on one rank or on two.

The halves are independent forward passes, so they cost one small exchange per step: each rank
predicts one and gathers the other. Dims: B batch, C channels, T frames, H height, W width; S text
tokens, D width. Invariant: every rank of the gang ends a step with the same velocity.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from telecine_serve.parallel.collectives import all_gather
from telecine_serve.parallel.mesh import RankContext


def guided_velocity(
    predict: Callable[[torch.Tensor], torch.Tensor],
    texts: Sequence[torch.Tensor],
    guidance_scale: float,
    ranks: RankContext | None,
) -> torch.Tensor:
    """Velocity `BCTHW` for one `text_BSD`, or for two (conditional, unconditional) guided.

    `predict` is one forward pass. A single text is predicted by both halves alike: a request
    without guidance gains nothing from a cfg axis.
    """
    if len(texts) == 1:
        return predict(texts[0])
    if ranks is None or ranks.cfg_size == 1:
        conditional_BCTHW, unconditional_BCTHW = (predict(text_BSD) for text_BSD in texts)
    else:
        mine_BCTHW = predict(texts[ranks.cfg_group.rank()])
        both_BCTHW = all_gather(mine_BCTHW, ranks.cfg_group, dim=0)
        conditional_BCTHW, unconditional_BCTHW = both_BCTHW.chunk(2)
    return unconditional_BCTHW + guidance_scale * (conditional_BCTHW - unconditional_BCTHW)
