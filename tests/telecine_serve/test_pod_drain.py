"""A pod that is told to go: nothing is claimed any more, and what is in hand is waited for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from telecine_serve.pod_drain import PodDrain, drain_pod, main

AT_WORK = """
import sys, time
from pathlib import Path
from telecine_serve.pod_drain import PodDrain
with PodDrain(Path(sys.argv[1])).at_work() as may_claim:
    print(may_claim, flush=True)
    sys.stdin.readline()
"""


def a_worker(folder: Path) -> subprocess.Popen[str]:
    """A process of its own that holds a job until it is told to settle it."""
    worker = subprocess.Popen(
        [sys.executable, "-c", AT_WORK, str(folder)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert worker.stdout is not None
    assert worker.stdout.readline() == "True\n"
    return worker


def end(worker: subprocess.Popen[str]) -> None:
    worker.communicate("\n", timeout=30)


def test_idle_pod_goes_at_once_and_claims_nothing_more(tmp_path: Path) -> None:
    drain = PodDrain(tmp_path)
    with drain.at_work() as may_claim:
        assert may_claim
    assert drain_pod(tmp_path, timeout_s=0)
    with drain.at_work() as may_claim:
        assert not may_claim


def test_job_in_hand_holds_the_pod_until_it_is_settled(tmp_path: Path) -> None:
    worker = a_worker(tmp_path)
    assert not drain_pod(tmp_path, timeout_s=0)
    end(worker)
    assert drain_pod(tmp_path, timeout_s=0)


def test_worker_that_dies_does_not_hold_the_pod(tmp_path: Path) -> None:
    worker = a_worker(tmp_path)
    os.kill(worker.pid, signal.SIGKILL)
    worker.communicate(timeout=30)
    assert drain_pod(tmp_path, timeout_s=0)


def test_several_workers_of_a_pod_work_at_once(tmp_path: Path) -> None:
    first = a_worker(tmp_path)
    second = a_worker(tmp_path)
    end(first)
    assert not drain_pod(tmp_path, timeout_s=0)
    end(second)
    assert drain_pod(tmp_path, timeout_s=0)


def test_hook_needs_to_know_the_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--timeout-s", "1"]) == 2
    assert "drain_folder is not set" in capsys.readouterr().err
    monkeypatch.setenv("TELECINE_DRAIN_FOLDER", str(tmp_path / "drain"))
    assert main(["--timeout-s", "1"]) == 0


def test_without_a_folder_nobody_asks() -> None:
    with PodDrain(None).at_work() as may_claim:
        assert may_claim
