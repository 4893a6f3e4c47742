"""What a clip costs in GPU-seconds, before it runs: the card's formula, corrected by experience.

A correction belongs to one shape of one model. It is the logarithm of a ratio, so a clip that takes
twice as long and one that takes half as long weigh the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from telecine_platform.catalogue import ModelCard
from telecine_platform.records import VideoSpec

_MIN_GAIN = 0.05
"""Of each finished job: the last 20 or so count, and a change of the cluster is soon learnt."""
_MAX_SPREADS = 3.0
"""How far one job can pull, in usual deviations: Huber's idea of a bounded influence (Annals of
Mathematical Statistics 35, 1964)."""
_FIRST_SPREAD = math.log(1.2)
_MIN_SPREAD = math.log(1.02)
_MAX_SURPRISE = math.log(8.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What finished jobs of one shape taught."""

    log_ratio: float = 0.0
    """Logarithm of taken over formula."""
    spread: float = _FIRST_SPREAD
    """Usual distance of a job from `log_ratio`."""
    num_jobs: int = 0


UNCORRECTED = Correction()

WHOLE_MODEL = ""
"""The shape of a model's correction for shapes that never ran."""


def formula_gpu_s(card: ModelCard, spec: VideoSpec) -> float:
    """The card's price of the clip, in seconds of one GPU."""
    cost = card.cost
    num_latent_frames = (spec.num_frames - 1) // cost.token_frames + 1
    per_frame = (spec.width_px / cost.token_px) * (spec.height_px / cost.token_px)
    num_tokens = num_latent_frames * per_frame
    step_gpu_s = (
        cost.step_gpu_s
        + cost.token_gpu_s * num_tokens
        + cost.token_pair_gpu_s * num_tokens * num_tokens
    )
    num_pixels = spec.num_frames * spec.width_px * spec.height_px
    return cost.clip_gpu_s + spec.num_steps * step_gpu_s + cost.pixel_gpu_s * num_pixels


def shape_of(spec: VideoSpec) -> str:
    """The class of clips that share a correction, as `832x480x81`. Steps cost the same each, but
    for clips with a step cache: they are a class of their own, however much they ask of it.
    """
    size = f"{spec.width_px}x{spec.height_px}x{spec.num_frames}"
    return f"{size} cached" if spec.step_cache else size


def price_gpu_s(formula_gpu_s: float, shape: Correction, model: Correction) -> float:
    """The price to use; a shape that never ran goes by the rest of its model."""
    return formula_gpu_s * math.exp((shape if shape.num_jobs else model).log_ratio)


def learn(correction: Correction, *, took_gpu_s: float, formula_gpu_s: float) -> Correction:
    """Move towards what one job really took: a running mean of the logarithm at first, then an
    exponential one. A job far out pulls no more than `_MAX_SPREADS` usual ones; if such jobs keep
    coming, the spread widens and they are believed.
    """
    surprise = math.log(took_gpu_s / formula_gpu_s) - correction.log_ratio
    gain = max(1.0 / (correction.num_jobs + 1), _MIN_GAIN)
    bound = math.inf if correction.num_jobs == 0 else _MAX_SPREADS * correction.spread
    distance = min(abs(surprise), _MAX_SURPRISE)
    spread = correction.spread
    if correction.num_jobs > 0:
        spread += max(gain, 0.1) * (distance - spread)
    return Correction(
        log_ratio=correction.log_ratio + gain * max(-bound, min(surprise, bound)),
        spread=max(spread, _MIN_SPREAD),
        num_jobs=correction.num_jobs + 1,
    )
