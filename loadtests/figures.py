"""What a simulated run comes to. Pure; the definitions are what docs/scheduling.md quotes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from statistics import fmean

from loadtests.simulate import Outcome, Run

MAX_ERROR = 0.15
"""A forecast is good whose finish is off by at most this part of the job's whole time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Of one run, or the means of several. Shares are of 1."""

    goodput_1_5: float
    """Offered jobs done within 1.5 times the time that they take on a free gang."""
    goodput_3: float
    goodput_5: float
    refused: float
    jain: float
    """Fairness over tenants, (sum x)^2 / (n sum x^2) (Jain, Chiu, Hawe, DEC TR-301, 1984), of x:
    the mean of a tenant's jobs' time on a free gang over the time they took; refused ones count 0.
    """
    gpu_hours: float
    forecast_at_submit: float
    """Jobs whose forecast was good when they were submitted. Nan here and below: no forecasts."""
    forecast_overall: float
    """Good ones among all forecasts that a caller sees who asks at the submission and every 20 s
    from then on."""
    forecast_from_start: float
    """The same from the moment a gang has taken the job."""


def figures_of(run: Run, num_gpus: int) -> Figures:
    """Measure a run of gangs of `num_gpus`."""
    return Figures(
        goodput_1_5=_goodput(run.outcomes, 1.5, num_gpus),
        goodput_3=_goodput(run.outcomes, 3.0, num_gpus),
        goodput_5=_goodput(run.outcomes, 5.0, num_gpus),
        refused=fmean(outcome.is_refused for outcome in run.outcomes),
        jain=_jain(run.outcomes, num_gpus),
        gpu_hours=run.gpu_hours,
        forecast_at_submit=_share(is_good for own in _judged(run.outcomes) for is_good in own[:1]),
        forecast_overall=_share(is_good for own in _judged(run.outcomes) for is_good in own),
        forecast_from_start=_share(
            is_good for own in _judged(run.outcomes, from_start=True) for is_good in own
        ),
    )


def mean_of(figures: Sequence[Figures]) -> Figures:
    """Field by field."""
    names = [field.name for field in fields(Figures)]
    return Figures(**{name: fmean(getattr(item, name) for item in figures) for name in names})


def _speed(outcome: Outcome, num_gpus: int) -> float:
    """Time on a free gang over the time it took: 1 without any wait, 0 for a refused job."""
    if outcome.finish_s is None:
        return 0.0
    took_s = outcome.finish_s - outcome.request.at_s
    return outcome.request.took_gpu_s / num_gpus / took_s


def _goodput(outcomes: Sequence[Outcome], factor: float, num_gpus: int) -> float:
    slowest = 1 / factor * (1 - 1e-9)
    return fmean(_speed(outcome, num_gpus) >= slowest for outcome in outcomes)


def _jain(outcomes: Sequence[Outcome], num_gpus: int) -> float:
    speeds: dict[str, list[float]] = {}
    for outcome in outcomes:
        speeds.setdefault(outcome.request.tenant_id, []).append(_speed(outcome, num_gpus))
    means = [fmean(own) for own in speeds.values()]
    squares = sum(mean * mean for mean in means)
    return sum(means) ** 2 / (len(means) * squares) if squares else 1.0


def _judged(outcomes: Iterable[Outcome], *, from_start: bool = False) -> Iterable[list[bool]]:
    """For each finished job, whether each of its forecasts was good."""
    for outcome in outcomes:
        if outcome.finish_s is None or outcome.start_s is None:
            continue
        took_s = outcome.finish_s - outcome.request.at_s
        since_s = outcome.start_s if from_start else outcome.request.at_s
        yield [
            abs(said_s - outcome.finish_s) <= MAX_ERROR * took_s
            for at_s, said_s in outcome.forecasts
            if since_s <= at_s < outcome.finish_s
        ]


def _share(judged: Iterable[bool]) -> float:
    values = list(judged)
    return fmean(values) if values else float("nan")
