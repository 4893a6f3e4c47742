"""`python -m loadtests.offer` writes a schedule: who asks for what and when, and who takes it back.

One JSON Lines file for AIPerf and for our own driver. AIPerf knows neither tenants nor cancels:
leave both out of a file that it shall read.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import accumulate
from pathlib import Path

import click

from loadtests.arrivals import (
    Arrival,
    ScheduleError,
    gap_s,
    make_schedule,
    read_prompts,
    write_schedule,
)
from loadtests.traces import diurnal

_SAMPLE = Path(__file__).resolve().parent / "prompts" / "sample.txt"


class Pattern(StrEnum):
    """How requests come."""

    POISSON = "poisson"
    GAMMA = "gamma"
    """As uneven as `cv` says."""
    DIURNAL = "diurnal"
    """Gamma, squeezed into two days and nights whose rate runs from 0.2 to 1.8 of the mean."""
    RECORDED = "recorded"
    """The times of a file, squeezed to the mean rate that is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What is asked of a server."""

    num_jobs: int
    rate_per_s: float
    pattern: Pattern = Pattern.GAMMA
    cv: float = 1.4
    recorded_s: Sequence[float] = ()
    sizes: Sequence[str] = ()
    lengths_s: Sequence[int] = ()
    num_tenants: int = 1
    """Their popularity follows Zipf's law; a single one has no name."""
    cancel_share: float = 0.0
    """Of the jobs, taken back by their callers a while after they were asked for."""
    cancel_after_s: float = 5.0
    """Mean of that while, exponentially distributed."""
    seed: int = 0


def arrivals_of(offer: Offer, prompts: Sequence[str]) -> tuple[Arrival, ...]:
    """Draw the schedule; it depends on its arguments alone. Raises `ScheduleError`."""
    plain = make_schedule(
        prompts,
        num_jobs=offer.num_jobs,
        rate_per_minute=60 * offer.rate_per_s,
        cv=1.0,
        seed=offer.seed,
        sizes=offer.sizes,
        lengths_s=offer.lengths_s,
    )
    chance = random.Random(f"who {offer.seed}")
    names = tenant_names(offer.num_tenants)
    weights = [1 / (number + 1) for number in range(len(names))]
    return tuple(
        replace(
            arrival,
            at_s=round(at_s, 3),
            tenant=chance.choices(names, weights)[0] if names else "",
            cancel_after_s=_cancel_after_s(chance, offer),
        )
        for arrival, at_s in zip(plain, times_of(offer), strict=True)
    )


def times_of(offer: Offer) -> list[float]:
    """When each request comes, in seconds from the first; the mean rate is the one asked for."""
    span_s = (offer.num_jobs - 1) / offer.rate_per_s
    if offer.pattern is Pattern.RECORDED:
        if len(offer.recorded_s) < offer.num_jobs:
            raise ScheduleError(
                f"the recording has {len(offer.recorded_s)} requests, not {offer.num_jobs}"
            )
        times = sorted(offer.recorded_s)[: offer.num_jobs]
        return _stretched([time - times[0] for time in times], span_s)
    chance = random.Random(f"times {offer.seed}")
    cv = 1.0 if offer.pattern is Pattern.POISSON else offer.cv
    gaps = (gap_s(chance, mean_s=1.0, cv=cv) for _ in range(offer.num_jobs - 1))
    times = list(accumulate(gaps, initial=0.0))
    if offer.pattern is Pattern.DIURNAL and times[-1] > 0:
        times = diurnal(times, period_s=times[-1] / 2)
        times = [time - times[0] for time in times]
    return _stretched(times, span_s)


def tenant_names(num_tenants: int) -> list[str]:
    """Empty for a single tenant, who needs no name."""
    return [] if num_tenants == 1 else [f"tenant-{number:03d}" for number in range(num_tenants)]


def read_recording(file: Path, column: str) -> list[float]:
    """Seconds from a CSV's column. Raises `ScheduleError` that names file, line and cause."""
    try:
        with file.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError) as error:
        raise ScheduleError(f"{file} cannot be read: {error}") from error
    times = []
    for number, row in enumerate(rows, start=2):
        try:
            times.append(float(row[column]))
        except (KeyError, TypeError, ValueError) as error:
            raise ScheduleError(f"{file}, line {number}: no seconds in {column!r}") from error
    return times


def _stretched(times: Sequence[float], span_s: float) -> list[float]:
    """The load asked for is the load there is, also where few bursty gaps miss their mean."""
    factor = span_s / times[-1] if times[-1] > 0 else 0.0
    return [time * factor for time in times]


def _cancel_after_s(chance: random.Random, offer: Offer) -> float | None:
    if chance.random() >= offer.cancel_share:
        return None
    return round(chance.expovariate(1 / offer.cancel_after_s), 3)


@click.command(context_settings={"show_default": True})
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
@click.option("--num-jobs", type=click.IntRange(1), default=100)
@click.option("--rate-per-minute", type=click.FloatRange(0.01), default=20.0)
@click.option("--pattern", type=click.Choice(list(Pattern)), default=Pattern.GAMMA)
@click.option("--cv", type=click.FloatRange(0.1, 10), default=1.4, help="Of the gaps.")
@click.option("--recording", type=click.Path(path_type=Path), help="CSV, for `recorded`.")
@click.option("--column", default="timestamp", help="Its column of seconds.")
@click.option("--size", "sizes", multiple=True)
@click.option("--seconds", "lengths_s", type=int, multiple=True)
@click.option("--tenants", "num_tenants", type=click.IntRange(1, 999), default=1)
@click.option("--cancel-share", type=click.FloatRange(0, 1), default=0.0)
@click.option("--prompts", type=click.Path(path_type=Path), default=_SAMPLE, show_default=False)
@click.option("--seed", type=click.IntRange(0), default=0)
def main(
    output: Path,
    num_jobs: int,
    rate_per_minute: float,
    pattern: str,
    cv: float,
    recording: Path | None,
    column: str,
    sizes: tuple[str, ...],
    lengths_s: tuple[int, ...],
    num_tenants: int,
    cancel_share: float,
    prompts: Path,
    seed: int,
) -> None:
    """Write a schedule for `loadtests.replay`, `loadtests.fleet` or AIPerf."""
    try:
        offer = Offer(
            num_jobs=num_jobs,
            rate_per_s=rate_per_minute / 60,
            pattern=Pattern(pattern),
            cv=cv,
            recorded_s=read_recording(recording, column) if recording else (),
            sizes=sizes,
            lengths_s=lengths_s,
            num_tenants=num_tenants,
            cancel_share=cancel_share,
            seed=seed,
        )
        arrivals = arrivals_of(offer, read_prompts(prompts))
        write_schedule(output, arrivals)
    except (ScheduleError, OSError) as error:
        raise click.UsageError(str(error)) from error
    click.echo(f"{output}: {len(arrivals)} jobs in {arrivals[-1].at_s:.1f} s", err=True)


if __name__ == "__main__":
    main()
