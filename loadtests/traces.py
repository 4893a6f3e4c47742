"""Made-up requests for the simulation of `loadtests.schedule`: when, whose, which clip, how long.

Invariant: a trace depends on its arguments alone. What a clip really takes is its price by the
catalogue's formula, times a factor of its shape that the scheduler has to learn, times chance.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from loadtests.arrivals import gap_s
from telecine_platform.catalogue import ModelCard
from telecine_platform.records import VideoSpec
from telecine_platform.scheduling.price import formula_gpu_s, shape_of

_STEPS = (4, 20, 50, 100)
"""Distilled models' few steps, drafts, the default, the most."""
_SHAPE_SIGMA = 0.3
"""Of the logarithm: how wrong the formula is about a shape."""
_JOB_SIGMA = 0.04
"""Of the logarithm: how much two equal clips differ."""
_DAY_S = 86_400.0
_DIURNAL_SWING = 0.8
"""The rate runs between 0.2 and 1.8 times its mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One clip that somebody asks for."""

    id: str
    at_s: float
    tenant_id: str
    spec: VideoSpec
    formula_gpu_s: float
    took_gpu_s: float
    """What it will really take; no scheduler sees this before it is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceShape:
    """What kind of load."""

    num_jobs: int
    cv: float
    """Coefficient of variation of the gaps: 1.4 and 3.6 as in a public trace of image requests."""
    is_diurnal: bool
    num_tenants: int
    """Their popularity follows Zipf's law."""
    load: float
    """Mean GPU-seconds asked for per second and GPU at full size: 1 can just be served."""


def make_trace(
    shape: TraceShape, card: ModelCard, *, max_gpus: int, seed: int
) -> tuple[Request, ...]:
    """Draw the requests. Clips are drawn with a chance inverse to their price: most are short, and
    a few take a hundred times as long.
    """
    gaps, choices, noise = (random.Random(f"{name} {seed}") for name in ("gaps", "jobs", "noise"))
    specs = _specs(card)
    prices = [formula_gpu_s(card, spec) for spec in specs]
    factors = {shape_of(spec): math.exp(noise.gauss(0, _SHAPE_SIGMA)) for spec in specs}
    drawn = choices.choices(
        range(len(specs)), weights=[1 / price for price in prices], k=shape.num_jobs
    )
    took = [
        prices[i] * factors[shape_of(specs[i])] * math.exp(noise.gauss(0, _JOB_SIGMA))
        for i in drawn
    ]
    mean_gap_s = sum(took) / shape.num_jobs / (shape.load * max_gpus)
    times_s = list(
        accumulate(gap_s(gaps, mean_s=mean_gap_s, cv=shape.cv) for _ in range(shape.num_jobs))
    )
    # The load asked for is the load there is, also where few bursty gaps miss their mean.
    stretch = mean_gap_s * shape.num_jobs / times_s[-1]
    if shape.is_diurnal:
        times_s = diurnal(times_s, period_s=min(_DAY_S, times_s[-1] * stretch / 2) / stretch)
    tenant_ids = [f"tenant-{number:04d}" for number in range(shape.num_tenants)]
    popularity = [1 / (number + 1) for number in range(shape.num_tenants)]
    tenants = choices.choices(tenant_ids, weights=popularity, k=shape.num_jobs)
    return tuple(
        Request(
            id=f"job-{number:06d}",
            at_s=times_s[number] * stretch,
            tenant_id=tenants[number],
            spec=specs[drawn[number]],
            formula_gpu_s=prices[drawn[number]],
            took_gpu_s=took[number],
        )
        for number in range(shape.num_jobs)
    )


def _specs(card: ModelCard) -> list[VideoSpec]:
    return [
        VideoSpec(
            model=card.name,
            prompt="",
            negative_prompt="",
            width_px=width_px,
            height_px=height_px,
            num_frames=card.num_frames_from_s(duration_s),
            fps=card.fps,
            num_steps=num_steps,
            guidance_scale=card.guidance_scale,
            seed=0,
        )
        for width_px, height_px in card.sizes_px
        for duration_s in card.durations_s
        for num_steps in _STEPS
    ]


def diurnal(times_s: Sequence[float], period_s: float) -> list[float]:
    """Squeeze the times where the rate is high: the rate's integral at the result is the input."""
    swing_s = _DIURNAL_SWING * period_s / math.tau

    def integral_s(at_s: float) -> float:
        return at_s + swing_s * (1 - math.cos(math.tau * at_s / period_s))

    return [_inverse(integral_s, time_s, bound_s=times_s[-1]) for time_s in times_s]


def _inverse(rising: Callable[[float], float], value: float, *, bound_s: float) -> float:
    """Where a rising function takes the value, by halving [0, `bound_s`] to a millisecond."""
    low_s, high_s = 0.0, bound_s
    while high_s - low_s > 1e-3:
        middle_s = (low_s + high_s) / 2
        if rising(middle_s) < value:
            low_s = middle_s
        else:
            high_s = middle_s
    return high_s
