"""The fleet's parts: what a clip takes, how gangs come and go, what is made of a run."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from loadtests.fleet_engine import FakeEngine, clip_s
from loadtests.fleet_stages import Gangs
from loadtests.load_figures import (
    JobTimes,
    Sample,
    figures_of,
    longest_lag_s,
    provisioned_gang_s,
)
from loadtests.load_page import LoadReport, Run, json_of, page_of, svg_of, table_of
from loadtests.report import make_report
from loadtests.results import JobResult, JobStatus, RunRecord, ServerJob
from telecine_platform.jobs.lease import Lease
from telecine_platform.jobs.store import JobStore
from telecine_platform.records import Stage
from telecine_platform.settings import Settings
from telecine_platform.storage.local import LocalStore
from telecine_serve.stage import HandOver
from tests.loadtests.arrivals import arrival
from tests.records import at, spec

WAN = "wan2.1-t2v-14b"


def test_a_clip_takes_what_the_planner_says() -> None:
    short, long = (clip_s(WAN, 832, 480, frames, 50, 8) for frames in (17, 81))
    assert short == pytest.approx(8.8, abs=0.1)
    assert long > 5 * short  # attention grows with the square of the frames


def test_the_fake_engine_takes_its_time_and_leaves_a_draft(tmp_path: Path) -> None:
    jobs = JobStore(f"sqlite:///{tmp_path / 'jobs.db'}")
    jobs.create_tables()
    wanted = spec(model=WAN, width_px=832, height_px=480, num_frames=17, num_steps=50, fps=16)
    jobs.submit(job_id="video_1", tenant_id="acme", spec=wanted, traceparent="", now=at(0))
    screened = jobs.claim(Stage.SCREENING, "screener", 60, at(0))
    assert screened is not None
    jobs.hand_over(screened, None, at(1))
    job = jobs.claim(Stage.GENERATION, "gang", 60, at(1), num_gpus=8)
    assert job is not None
    blobs = LocalStore(tmp_path / "blobs")
    engine = FakeEngine(blobs, num_gpus=8, speed=100)
    with Lease(jobs, job, Settings(data_dir=tmp_path), lambda: at(1)) as lease:
        made = engine.work(job, lease)
    assert isinstance(made, HandOver)
    assert made.draft is not None
    assert blobs.info(made.draft).size_bytes > 0
    assert lease.progress is not None
    jobs.close()


def test_gangs_follow_a_wish_that_holds(tmp_path: Path) -> None:
    jobs = JobStore(f"sqlite:///{tmp_path / 'jobs.db'}")
    jobs.create_tables()
    gangs = Gangs(jobs, Settings(data_dir=tmp_path, gang_start_s=10.0), speed=10.0)
    ready = []
    for now_s, wish in ((0, 2), (5, 2), (10, 2), (11, 4), (12, 1), (13, 1), (30, 1)):
        gangs.follow(wish, float(now_s))
        ready.append(gangs.num_ready)
    gangs.stop()
    # Two after their start of 10 s; the two more, wished at 11, are ready before the wish is gone.
    assert ready == [0, 0, 2, 2, 2, 2, 1]
    jobs.close()


def result(number: int, taken_s: float, tenant: str = "a", **changes: object) -> JobResult:
    asked = replace(arrival(seed=number), tenant=tenant)
    done = JobResult(
        arrival=asked,
        sent_at_s=0.0,
        status=JobStatus.COMPLETED,
        job_id=f"video_{number}",
        ended_at_s=taken_s,
    )
    return replace(done, **changes)  # type: ignore[arg-type]  # fields of the record


def sample(at_s: float, wanted: int, ready: int) -> Sample:
    return Sample(at_s=at_s, wanted=wanted, ready=ready, busy=0, queued=0)


SAMPLES = [sample(0, 1, 1), sample(10, 3, 1), sample(20, 3, 2), sample(30, 3, 3), sample(40, 3, 3)]


def run_of(results: list[JobResult]) -> Run:
    record = RunRecord(
        results=tuple(results),
        listed=tuple(
            ServerJob(id=r.job_id or "", prompt="a red fox", seed=r.arrival.seed, created_at_s=0)
            for r in results
        ),
        stages_before={}, stages_after={}, took_s=40.0,
    )  # fmt: skip
    times = {r.job_id or "": JobTimes(own_s=10.0, work_s=11.0, video_s=5.0) for r in results}
    figures = figures_of(
        make_report(record), record.results, times, SAMPLES,
        load=0.6, speed=1.0, num_gpus=8, gpu_hour_price=3.6, busy_cores=0.5, num_cores=2,
    )  # fmt: skip
    return Run(figures=figures, offered=[(0, 1), (1, 2)], completed=[(1, 1)], samples=SAMPLES)


def test_figures_are_what_their_definitions_say() -> None:
    figures = run_of([result(1, 12.0), result(2, 25.0), result(3, 100.0, "b")]).figures
    assert figures.goodput == {"1.5x": pytest.approx(1 / 3), "3x": pytest.approx(2 / 3),
                               "5x": pytest.approx(2 / 3)}  # fmt: skip
    assert figures.busy_gpu_s_per_video_s == pytest.approx(8 * 33 / 15)
    assert figures.provisioned_gpu_s_per_video_s == pytest.approx(8 * (10 + 10 + 20 + 30) / 15)
    assert figures.cost_per_video_s == pytest.approx(figures.provisioned_gpu_s_per_video_s / 1000)
    assert figures.end_to_end_s == {"p50": 25.0, "p90": 100.0, "p99": 100.0}
    assert 0.5 < figures.jain < 0.8
    assert (figures.num_lost, figures.num_duplicated) == (0, 0)


def test_a_job_that_its_caller_took_back_counts_neither_way() -> None:
    taken_back = result(
        2, 5.0, status=JobStatus.FAILED, error_code="cancelled",
        arrival=replace(arrival(seed=2), cancel_after_s=1.0),
    )  # fmt: skip
    figures = run_of([result(1, 12.0), taken_back]).figures
    assert (figures.num_cancelled, figures.goodput["1.5x"]) == (1, 1.0)


def test_lag_and_provision_are_read_from_the_samples() -> None:
    assert longest_lag_s(SAMPLES) == 10.0
    assert provisioned_gang_s(SAMPLES) == 70.0


def test_what_cannot_be_worked_out_is_null_in_the_json() -> None:
    failed = result(1, 12.0, status=JobStatus.FAILED, error_code="internal_error")
    content = json.loads(json_of(LoadReport(title="t", about=[], runs=[run_of([failed])])))
    assert content["runs"][0]["end_to_end_s"] == {"p50": None, "p90": None, "p99": None}
    assert content["runs"][0]["num_failed"] == 1


def test_the_page_is_whole_and_its_pictures_are_xml() -> None:
    run = run_of([result(1, 12.0)])
    twice = [run, replace(run, figures=replace(run.figures, load=0.9))]
    report = LoadReport(title="Load <report>", about=["100 gangs & more"], runs=twice, goal=0.8)
    page = page_of(report)
    assert "Load &lt;report&gt;" in page
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    for each in (report, replace(report, runs=[run])):
        tree = ET.fromstring(svg_of(each))
        assert len(tree.findall(".//{*}polyline")) == 6 * len(each.runs) + (
            7 if each.goal and len(each.runs) > 1 else 0
        )
    assert [line.count("|") for line in table_of(replace(report, runs=[run]))][:2] == [3, 3]
