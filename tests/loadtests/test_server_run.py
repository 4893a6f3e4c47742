"""A run on a server as it is seen from outside, and where its report goes."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from loadtests.cores import CoresMeter
from loadtests.load_page import LoadReport
from loadtests.publish import publish
from loadtests.replay import replay
from loadtests.results import JobStatus
from loadtests.server_run import job_times
from telecine_platform.storage.local import LocalStore
from tests.loadtests.test_fleet import result, run_of
from tests.loadtests.test_replay import prompt_file
from tests.telecine_platform.api.house import open_house


def test_own_time_is_the_median_of_the_shape_and_only_of_known_clips() -> None:
    done = [
        replace(result(number, 20.0), inference_time_s=work_s, video_s=video_s)
        for number, (work_s, video_s) in enumerate([(2.0, 1.0), (4.0, 1.0), (9.0, 1.0), (7.0, 4.0)])
    ]
    unknown = result(8, 20.0)
    failed = replace(done[0], job_id="video_9", status=JobStatus.FAILED)
    times = job_times([*done, unknown, failed])
    assert {name: each.own_s for name, each in times.items()} == {
        "video_0": 4.0, "video_1": 4.0, "video_2": 4.0, "video_3": 7.0,
    }  # fmt: skip
    assert times["video_2"].work_s == 9.0


def test_cores_are_counted_from_the_meters_making() -> None:
    readings = iter([(10.0, 20.0), (10.0, 20.0), (13.0, 21.0)])
    clock = iter([100.0, 105.0])
    meter = CoresMeter(lambda: next(readings), lambda: next(clock))
    assert meter.num_cores == 2
    assert meter.busy_cores() == pytest.approx(0.8)


def test_rates_are_runs_and_the_report_is_written_and_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the real API with fake stages: its gangs are seen, its clips' times are read."""
    monkeypatch.setenv("TELECINE_STORAGE_URL", f"file://{tmp_path / 'bucket'}")
    with open_house(tmp_path) as house, house.working():
        arguments = [
            "--url", house.url, "--num-jobs", "3", "--prompts", prompt_file(tmp_path, "a fox"),
            "--rate-per-minute", "600", "--rate-per-minute", "1200", "--gpus", "2",
            "--out", str(tmp_path / "report"), "--publish", "--note", "the house <here>",
        ]  # fmt: skip
        outcome = CliRunner().invoke(replay, arguments)
    assert outcome.exit_code == 0, outcome.output
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert [(run["load"], run["num_completed"]) for run in report["runs"]] == [(600, 3), (1200, 3)]
    assert "the house &lt;here&gt;" in (tmp_path / "report" / "report.html").read_text()
    stored = LocalStore(tmp_path / "bucket").keys("loadtests")
    assert [Path(key).name for key in stored] == ["report.html", "report.json", "report.svg"]
    assert "report: loadtests/" in outcome.stderr


def test_a_report_is_stored_below_its_time(tmp_path: Path) -> None:
    report = LoadReport(title="t", about=[], runs=[run_of([result(1, 12.0)])])
    store = LocalStore(tmp_path)
    folder = publish(report, store, datetime(2026, 11, 28, 22, 0, 5, tzinfo=UTC))
    assert folder.startswith("loadtests/20261128T220005Z-")
    assert store.info(f"{folder}/report.html").content_type == "text/html"
