"""The search for the highest load with a goodput, on platforms whose answer is known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loadtests.load_page import Run
from loadtests.saturation import Search, bracket, finding_of, search
from tests.loadtests.test_fleet import result, run_of

SOUGHT = Search(low=0.5, high=1.5, goodput=0.9, within="3x", num_runs=7)


def platform_that_breaks_at(limit: float) -> tuple[list[float], list[Run]]:
    asked: list[float] = []

    def run(load: float) -> Run:
        asked.append(load)
        run = run_of([result(1, 12.0)])
        goodput = {"1.5x": 0.0, "3x": 1.0 if load <= limit else 0.2, "5x": 1.0}
        return replace(run, figures=replace(run.figures, load=load, goodput=goodput))

    return asked, search(SOUGHT, run)


@pytest.mark.parametrize("limit", [0.6, 0.937, 1.2, 1.49])
def test_the_search_closes_in_on_the_limit(limit: float) -> None:
    asked, runs = platform_that_breaks_at(limit)
    good, bad = bracket(SOUGHT, {run.figures.load: run.figures.goodput["3x"] for run in runs})
    assert asked[:2] == [0.5, 1.5]
    assert good is not None
    assert bad is not None
    assert good <= limit < bad
    assert bad - good == pytest.approx(1.0 / 2 ** (len(asked) - 2))
    assert [run.figures.load for run in runs] == sorted(asked)
    assert finding_of(SOUGHT, runs, "load").startswith(f"Saturation: a load of {good:.4g} had 90%")


@pytest.mark.parametrize(
    ("limit", "num_asked", "says"), [(0.1, 1, "look lower"), (9.0, 2, "look higher")]
)
def test_a_limit_outside_of_the_ends_is_told(limit: float, num_asked: int, says: str) -> None:
    asked, runs = platform_that_breaks_at(limit)
    assert len(asked) == num_asked
    assert says in finding_of(SOUGHT, runs, "load")


def test_a_dip_below_the_goal_ends_the_bracket() -> None:
    """Noise: what lies above the first bad load does not count, whatever it says."""
    goodputs = {0.5: 1.0, 0.75: 0.95, 1.0: 0.85, 1.25: 0.92, 1.5: 0.1}
    assert bracket(SOUGHT, goodputs) == (0.75, 1.0)


def test_ends_that_leave_nothing_between_are_refused() -> None:
    with pytest.raises(ValueError, match=r"between a load of 1 and 1$"):
        replace(SOUGHT, low=1.0, high=1.0)
