"""A sweep to saturation: the highest load with the goodput that is asked for, by halving.

The two ends are tried first. What lies between is halved until the runs are used up; each run is a
measurement with its own noise, so the answer is a bracket and not a point.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import click

from loadtests.load_figures import FACTORS
from loadtests.load_page import Run

_Command = TypeVar("_Command", bound=Callable[..., None])


def search_options(load_name: str) -> Callable[[_Command], _Command]:
    """The options `goodput`, `within` and `num_runs`, which `sweep` takes."""
    options = (
        click.option(
            "--goodput", type=click.FloatRange(0, 1), default=None,
            help=f"Look between the lowest and the highest {load_name} for the last one with this"
            " goodput.",
        ),
        click.option(
            "--within", type=click.Choice([f"{factor:g}x" for factor in FACTORS]), default="3x",
            help="Times a clip's own time, for --goodput.",
        ),
        click.option(
            "--runs", "num_runs", type=click.IntRange(2, 20), default=6, help="For --goodput."
        ),
    )  # fmt: skip

    def with_options(command: _Command) -> _Command:
        for option in reversed(options):
            command = option(command)
        return command

    return with_options


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is sought, and where."""

    low: float
    high: float
    goodput: float
    within: str
    """A key of `Figures.goodput`, as `3x`."""
    num_runs: int

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"nothing lies between a load of {self.low:g} and {self.high:g}")


def sweep(
    run: Callable[[float], Run],
    loads: Sequence[float],
    *,
    goodput: float | None,
    within: str,
    num_runs: int,
    load_name: str,
) -> tuple[list[Run], list[str]]:
    """The runs, and what the search found: without a goodput each load is run and none is sought.

    Raises ValueError when a goodput is sought at one load alone.
    """
    if goodput is None:
        return [run(load) for load in loads], []
    sought = Search(
        low=min(loads), high=max(loads), goodput=goodput, within=within, num_runs=num_runs
    )
    runs = search(sought, run)
    return runs, [finding_of(sought, runs, load_name)]


def search(sought: Search, run: Callable[[float], Run]) -> list[Run]:
    """All runs, by rising load."""
    runs: dict[float, Run] = {}
    while len(runs) < sought.num_runs:
        goodputs = {load: each.figures.goodput[sought.within] for load, each in runs.items()}
        load = next_load(sought, goodputs)
        if load is None:
            break
        runs[load] = run(load)
    return [runs[load] for load in sorted(runs)]


def next_load(sought: Search, goodputs: Mapping[float, float]) -> float | None:
    """The load to try next; None: the answer lies outside of the search's ends."""
    if sought.low not in goodputs:
        return sought.low
    if goodputs[sought.low] < sought.goodput:
        return None
    if sought.high not in goodputs:
        return sought.high
    good, bad = bracket(sought, goodputs)
    return None if good is None or bad is None else (good + bad) / 2


def bracket(sought: Search, goodputs: Mapping[float, float]) -> tuple[float | None, float | None]:
    """The highest load below the first bad one, and that bad one. None: there is none."""
    bad = min((load for load, value in goodputs.items() if value < sought.goodput), default=None)
    good = max((load for load in goodputs if bad is None or load < bad), default=None)
    return good, bad


def finding_of(sought: Search, runs: Sequence[Run], load_name: str) -> str:
    """The answer as a sentence."""
    goodputs = {run.figures.load: run.figures.goodput[sought.within] for run in runs}
    good, bad = bracket(sought, goodputs)
    what = f"{sought.goodput:.0%} of the jobs done within {sought.within} of their own time"
    if good is None:
        return f"Even a {load_name} of {sought.low:g} had not {what}: look lower."
    if bad is None:
        return f"A {load_name} of {good:g} still had {what}: look higher."
    return f"Saturation: a {load_name} of {good:.4g} had {what}, {bad:.4g} had not."
