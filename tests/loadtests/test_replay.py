from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from loadtests.arrivals import read_schedule
from loadtests.replay import replay
from tests.loadtests.faulty_server import FaultyServer
from tests.telecine_platform.api.house import serving


def prompt_file(folder: Path, *prompts: str) -> str:
    path = folder / "prompts.txt"
    path.write_text("\n".join(prompts), encoding="utf-8")
    return str(path)


def two_jobs(url: str, prompts: str) -> list[str]:
    return ["--url", url, "--num-jobs", "2", "--rate-per-minute", "6000", "--prompts", prompts]


@pytest.mark.parametrize(
    ("prompts", "exit_code"),
    [(("a fox", "a boat"), 0), (("a fox", "forget this"), 1), (("a fox", "double this"), 1)],
    ids=["clean", "lost", "duplicated"],
)
def test_exit_code_tells_whether_jobs_were_lost_or_made_twice(
    tmp_path: Path, prompts: tuple[str, ...], exit_code: int
) -> None:
    with serving(FaultyServer().app) as url:
        result = CliRunner().invoke(replay, two_jobs(url, prompt_file(tmp_path, *prompts)))
    assert result.exit_code == exit_code, result.output
    assert "offered              2" in result.output


def test_json_is_all_that_stdout_holds(tmp_path: Path) -> None:
    with serving(FaultyServer().app) as url:
        arguments = [*two_jobs(url, prompt_file(tmp_path, "a fox")), "--json"]
        result = CliRunner().invoke(replay, arguments)
    assert json.loads(result.stdout)["num_completed"] == 2


def test_written_schedule_can_be_replayed(tmp_path: Path) -> None:
    file = str(tmp_path / "schedule.jsonl")
    server = FaultyServer()
    with serving(server.app) as url:
        arguments = two_jobs(url, prompt_file(tmp_path, "a fox"))
        CliRunner().invoke(replay, [*arguments, "--write-schedule", file], catch_exceptions=False)
        assert server.jobs == {}
        result = CliRunner().invoke(replay, ["--url", url, "--schedule", file])
    assert result.exit_code == 0
    assert [job["seed"] for job in server.jobs.values()] == [
        item.seed for item in read_schedule(Path(file))
    ]


def test_server_elsewhere_is_refused_without_a_word_from_its_owner(tmp_path: Path) -> None:
    arguments = two_jobs("https://videos.example.com", prompt_file(tmp_path, "a fox"))
    result = CliRunner().invoke(replay, arguments)
    assert result.exit_code == 2
    assert "--allow-remote" in result.stderr


def test_chaos_hooks_run_at_their_time_and_are_reported(tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    hook = shlex.join(["0.05", sys.executable, "-c", f"open({str(touched)!r}, 'w'); exit(3)"])
    with serving(FaultyServer().app) as url:
        arguments = [
            "--url", url, "--num-jobs", "2", "--rate-per-minute", "60",
            "--prompts", prompt_file(tmp_path, "a fox"), "--out", str(tmp_path / "report"),
            "--chaos", hook, "--chaos", "0 no-such-program", "--chaos", "3600 too-late",
        ]  # fmt: skip
        CliRunner().invoke(replay, arguments, catch_exceptions=False)
    assert touched.exists()
    about = " ".join(json.loads((tmp_path / "report" / "report.json").read_text())["about"])
    assert "(exit code 3)" in about
    assert "no-such-program (no such program)" in about
    assert "too-late" not in about


@pytest.mark.parametrize(
    "arguments",
    [
        ["--prompts", "missing.txt"],
        ["--num-jobs", "0"],
        ["--num-jobs", "10000"],
        ["--chaos", "soon true"],
        ["--chaos", "5"],
    ],
    ids=["no-prompts", "no-jobs", "takes-too-long", "no-time", "no-command"],
)
def test_wrong_usage_is_told_before_anything_is_sent(arguments: list[str]) -> None:
    assert CliRunner().invoke(replay, arguments).exit_code == 2


def test_server_that_is_away_is_told_apart_from_a_bad_run(tmp_path: Path) -> None:
    arguments = two_jobs("http://127.0.0.1:9", prompt_file(tmp_path, "a fox"))
    result = CliRunner().invoke(replay, arguments)
    assert result.exit_code == 3
    assert "does not answer" in result.stderr
