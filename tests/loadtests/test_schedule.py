"""The simulation: nothing is lost in it, and what it measures is what happened."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from loadtests.figures import figures_of
from loadtests.schedule import schedule
from loadtests.schedulers import Fifo, Telecine
from loadtests.simulate import Run, Scheduler, simulate
from loadtests.traces import Request, TraceShape, make_trace
from telecine_platform.catalogue import CATALOGUE
from telecine_platform.scheduling.forecast import Fleet

CARD = CATALOGUE["wan2.1-t2v-14b"]
FLEET = Fleet(num_gpus=8, max_gangs=4, gang_start_s=60, target_wait_s=10)
SHAPE = TraceShape(num_jobs=400, cv=3.6, is_diurnal=False, num_tenants=20, load=0.9)


def trace(shape: TraceShape = SHAPE, seed: int = 1) -> tuple[Request, ...]:
    return make_trace(shape, CARD, max_gpus=FLEET.num_gpus * FLEET.max_gangs, seed=seed)


def telecine(max_wait_s: float = 1800.0) -> Telecine:
    return Telecine(FLEET, max_wait_s=max_wait_s, ageing_s=3600)


def run(scheduler: Scheduler, requests: tuple[Request, ...] | None = None) -> Run:
    return simulate(requests or trace(), scheduler, FLEET, min_gangs=1)


@pytest.mark.parametrize("scheduler", [Fifo(1.0), telecine(), telecine(max_wait_s=120)])
def test_every_request_is_done_once_or_refused(scheduler: Scheduler) -> None:
    outcomes = run(scheduler).outcomes
    assert [outcome.request for outcome in outcomes] == list(trace())
    spans = []
    for outcome in outcomes:
        assert outcome.is_refused == (outcome.start_s is None) == (outcome.finish_s is None)
        if outcome.start_s is not None and outcome.finish_s is not None:
            assert outcome.start_s >= outcome.request.at_s
            took_s = outcome.request.took_gpu_s / FLEET.num_gpus
            assert outcome.finish_s == pytest.approx(outcome.start_s + took_s)
            spans.append((outcome.start_s, outcome.finish_s))
    for start_s, _ in spans:
        assert sum(begin <= start_s < end for begin, end in spans) <= FLEET.max_gangs


def test_same_seed_same_run() -> None:
    first, second = (figures_of(run(telecine()), FLEET.num_gpus) for _ in range(2))
    assert first == second
    assert trace(seed=1) != trace(seed=2)


@pytest.mark.parametrize("is_diurnal", [False, True])
@pytest.mark.parametrize("load", [0.3, 0.9])
def test_a_trace_asks_for_the_load_that_it_says(load: float, is_diurnal: bool) -> None:
    requests = trace(replace(SHAPE, load=load, is_diurnal=is_diurnal))
    asked_gpu_s = sum(request.took_gpu_s for request in requests)
    num_gpus = FLEET.num_gpus * FLEET.max_gangs
    assert asked_gpu_s / (requests[-1].at_s * num_gpus) == pytest.approx(load, rel=0.05)


def test_a_run_without_waiting_has_perfect_figures() -> None:
    lonely = trace(replace(SHAPE, load=0.001, cv=0.1))[:20]
    figures = figures_of(run(telecine(), lonely), FLEET.num_gpus)
    assert (figures.goodput_1_5, figures.refused) == (1.0, 0.0)
    assert figures.jain == pytest.approx(1.0)


def test_telecine_beats_fifo_on_a_bursty_load() -> None:
    ours = figures_of(run(telecine()), FLEET.num_gpus)
    fifo = figures_of(run(Fifo(1.0)), FLEET.num_gpus)
    assert ours.goodput_3 > 1.5 * fifo.goodput_3
    assert ours.jain > fifo.jain
    assert ours.gpu_hours < 1.05 * fifo.gpu_hours


def test_command_reports_as_json_and_draws(tmp_path: Path) -> None:
    arguments = ["--num-jobs", "30", "--seed", "1", "--tenants", "3", "--load", "0.5", "--json"]
    picture = tmp_path / "goodput.svg"
    result = CliRunner().invoke(
        schedule, [*arguments, "--picture", str(picture)], catch_exceptions=False
    )
    rows = json.loads(result.stdout)["results"]
    assert [row["kind"] for row in rows] == ["cv 1.4", "cv 3.6", "diurnal"]
    assert 0 < rows[0]["by_scheduler"]["telecine"]["goodput_3"] <= 1
    assert picture.read_text().count("<rect") == 1 + 3 + 3 * 3
