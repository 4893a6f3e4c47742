"""A fleet of gangs that make nothing, under load, on this machine: `python -m loadtests.fleet`.

A real API process, a real PostgreSQL and real stage loops; only the gangs' work is the planner's
time instead of a clip, `--speed` times faster. So a hundred gangs of eight GPUs load the control
plane as in a cluster, or harder, on two cores. Each `--load` is a run of its own; `--goodput` looks
for the highest load that still has it.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from pathlib import Path

import click

from loadtests.fleet_run import LENGTHS_S, SIZES, Fleet, run_load
from loadtests.load_page import LoadReport, Run, table_of, write_report
from loadtests.offer import Offer, Pattern
from loadtests.saturation import search_options, sweep

LOADS = (0.6, 0.9, 1.2)


@click.command(context_settings={"show_default": True})
@click.option("--model", default="wan2.1-t2v-14b")
@click.option("--gangs", type=click.IntRange(1, 500), default=100)
@click.option("--min-gangs", type=click.IntRange(0, 500), default=10)
@click.option("--gpus", "num_gpus", type=click.IntRange(1, 64), default=8, help="Of a gang.")
@click.option("--speed", type=click.FloatRange(1, 100), default=10.0)
@click.option("--seconds", type=click.FloatRange(1), default=90.0, help="Of arrivals, each load.")
@click.option("--load", "loads", type=float, multiple=True, default=LOADS)
@search_options("--load")
@click.option("--pattern", type=click.Choice(list(Pattern)), default=Pattern.GAMMA)
@click.option("--cv", type=click.FloatRange(0.1, 10), default=1.4)
@click.option("--tenants", "num_tenants", type=click.IntRange(2, 200), default=20)
@click.option("--cancel-share", type=click.FloatRange(0, 1), default=0.02)
@click.option("--gpu-hour-price", type=click.FloatRange(0), default=2.5)
@click.option("--seed", type=click.IntRange(0), default=1)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True)
def main(
    model: str,
    gangs: int,
    min_gangs: int,
    num_gpus: int,
    speed: float,
    seconds: float,
    loads: Sequence[float],
    goodput: float | None,
    within: str,
    num_runs: int,
    pattern: str,
    cv: float,
    num_tenants: int,
    cancel_share: float,
    gpu_hour_price: float,
    seed: int,
    out: Path,
) -> None:
    """Write report.json, report.html and report.svg to --out. Exit code 1: a job was lost or made
    twice.
    """
    fleet = Fleet(model=model, max_gangs=gangs, min_gangs=min_gangs, num_gpus=num_gpus, speed=speed)

    done: list[Run] = []

    def report(runs: Sequence[Run], *more: str) -> LoadReport:
        ordered = sorted(runs, key=lambda run: run.figures.load)
        return LoadReport(
            title="Load on a fleet", about=[*about, *more], runs=ordered, goal=goodput
        )

    def run(load: float) -> Run:
        """The report so far is written after each run: they take minutes."""
        rate_per_s = load * gangs * speed / fleet.mean_clip_s
        offer = Offer(
            num_jobs=max(2, round(rate_per_s * seconds)),
            rate_per_s=rate_per_s,
            pattern=Pattern(pattern),
            cv=cv,
            sizes=SIZES,
            lengths_s=LENGTHS_S,
            num_tenants=num_tenants,
            cancel_share=cancel_share,
            cancel_after_s=60 / speed,
            seed=seed,
        )
        click.echo(f"load {load:g}: {offer.num_jobs} jobs, {rate_per_s:.2f} a second", err=True)
        done.append(run_load(fleet, offer, load, gpu_hour_price))
        write_report(out, report(done))
        return done[-1]

    about = [
        f"{gangs} gangs of {num_gpus} GPUs ({model}), at least {min_gangs} of them there, "
        f"{speed:g} times faster than the planner's times; {seconds:g} s of {pattern} arrivals "
        f"(cv {cv:g}) for each load, {num_tenants} tenants, seed {seed}. Gangs make nothing; API, "
        "PostgreSQL, store and loops are real.",
        f"All seconds are the model's: real ones times {speed:g}, the platform's own too. Cost at "
        f"{gpu_hour_price:g} a GPU-hour. Machine: {platform.machine()}, Python "
        f"{platform.python_version()}.",
    ]
    _, findings = sweep(
        run, sorted(loads),
        goodput=goodput, within=within, num_runs=num_runs, load_name="load",
    )  # fmt: skip
    whole = report(done, *findings)
    write_report(out, whole)
    click.echo("\n".join([*whole.about, "", *table_of(whole)]))
    figures = [each.figures for each in done]
    raise SystemExit(any(each.num_lost or each.num_duplicated for each in figures))


if __name__ == "__main__":
    main()
