"""Telecine's scheduler against FIFO on made-up traces: `python -m loadtests.schedule`.

A discrete-event run of generation alone, with the functions that the platform runs: prices and
their correction, order, admission, forecasts, autoscaling. Both sides get the same requests, the
same gangs at most, and the same delays. docs/scheduling.md explains the figures.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from loadtests.figures import Figures, figures_of, mean_of
from loadtests.schedule_picture import svg_from_results
from loadtests.schedulers import Fifo, Telecine
from loadtests.simulate import Scheduler, simulate
from loadtests.traces import TraceShape, make_trace
from telecine_platform.catalogue import CATALOGUE
from telecine_platform.scheduling.forecast import Fleet
from telecine_platform.settings import Settings

OURS = "telecine"
_CARD = CATALOGUE["wan2.1-t2v-14b"]
_DEFAULTS = Settings()
_FLEET = Fleet(
    num_gpus=8,
    max_gangs=8,
    gang_start_s=_DEFAULTS.gang_start_s,
    target_wait_s=_DEFAULTS.target_wait_s,
)
_MIN_GANGS = 1
_KINDS = {"cv 1.4": (1.4, False), "cv 3.6": (3.6, False), "diurnal": (1.4, True)}
"""Variation of the gaps, and whether the rate has a day and a night."""
_TENANTS = (1, 10, 100, 1000)
_LOADS = (0.3, 0.6, 0.9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One kind of load under every scheduler, as means over the seeds."""

    kind: str
    num_tenants: int
    load: float
    by_scheduler: Mapping[str, Figures]

    @property
    def gains(self) -> dict[str, float]:
        """Telecine's goodput at 3x, over that of each other scheduler."""
        ours = self.by_scheduler[OURS].goodput_3
        return {
            name: ours / figures.goodput_3
            for name, figures in self.by_scheduler.items()
            if name != OURS
        }


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--num-jobs", type=click.IntRange(10, 100_000), default=2000, help="Of each trace.")
@click.option(
    "--seed", "seeds", type=int, multiple=True, default=(1, 2, 3), help="May be repeated."
)
@click.option("--tenants", type=int, multiple=True, default=_TENANTS, help="May be repeated.")
@click.option("--load", "loads", type=float, multiple=True, default=_LOADS, help="May be repeated.")
@click.option("--picture", type=click.Path(path_type=Path), help="Draw the goodput here, as SVG.")
@click.option("--json", "as_json", is_flag=True, help="All figures, as JSON.")
def schedule(
    num_jobs: int,
    seeds: tuple[int, ...],
    tenants: tuple[int, ...],
    loads: tuple[float, ...],
    picture: Path | None,
    as_json: bool,
) -> None:
    """Compare the schedulers on every kind of load."""
    shapes = [
        (
            kind,
            TraceShape(
                num_jobs=num_jobs, cv=cv, is_diurnal=is_diurnal, num_tenants=number, load=load
            ),
        )
        for kind, (cv, is_diurnal) in _KINDS.items()
        for number in tenants
        for load in loads
    ]
    results = []
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        for kind, shape in progress.track(shapes, description="traces"):
            results.append(compare(kind, shape, seeds))
    if picture is not None:
        picture.write_text(svg_from_results(results), encoding="utf-8")
    if as_json:
        rows = [asdict(result) | {"gains": result.gains} for result in results]
        click.echo(json.dumps({"num_jobs": num_jobs, "seeds": seeds, "results": rows}))
    else:
        click.echo("\n".join(table_from_results(results)))


def compare(kind: str, shape: TraceShape, seeds: tuple[int, ...]) -> Result:
    """Run the shape's traces, one per seed, under every scheduler."""
    figures: dict[str, list[Figures]] = {}
    for seed in seeds:
        max_gpus = _FLEET.num_gpus * _FLEET.max_gangs
        trace = make_trace(shape, _CARD, max_gpus=max_gpus, seed=seed)
        for name, scheduler in _schedulers():
            run = simulate(trace, scheduler, _FLEET, min_gangs=_MIN_GANGS)
            figures.setdefault(name, []).append(figures_of(run, _FLEET.num_gpus))
    return Result(
        kind=kind,
        num_tenants=shape.num_tenants,
        load=shape.load,
        by_scheduler={name: mean_of(items) for name, items in figures.items()},
    )


def table_from_results(results: list[Result]) -> Iterator[str]:
    """As Markdown."""
    yield (
        "| load | tenants | scheduler | goodput 1.5x | 3x | 5x | our gain at 3x | refused | Jain |"
        " GPU-hours | forecasts: submit | overall | from start |"
    )
    yield "|---|" + "---:|" * 12
    for result in results:
        for name, item in result.by_scheduler.items():
            is_ours = name == OURS
            cells = [
                f"{result.kind}, {result.load:g}",
                str(result.num_tenants),
                name,
                f"{item.goodput_1_5:.3f}",
                f"{item.goodput_3:.3f}",
                f"{item.goodput_5:.3f}",
                "" if is_ours else f"{result.gains[name]:.2f}",
                f"{item.refused:.3f}",
                f"{item.jain:.3f}",
                f"{item.gpu_hours:.1f}",
                f"{item.forecast_at_submit:.3f}" if is_ours else "",
                f"{item.forecast_overall:.3f}" if is_ours else "",
                f"{item.forecast_from_start:.3f}" if is_ours else "",
            ]
            yield "| " + " | ".join(cells) + " |"


def _schedulers() -> Iterator[tuple[str, Scheduler]]:
    """FIFO with one request per gang, as many as a gang can work on, and with Serve's default."""
    yield "FIFO, target 1", Fifo(1.0)
    yield "FIFO, target 2", Fifo(2.0)
    yield (
        OURS,
        Telecine(_FLEET, max_wait_s=_DEFAULTS.max_wait_s, ageing_s=_DEFAULTS.ageing_s),
    )


if __name__ == "__main__":
    schedule()
