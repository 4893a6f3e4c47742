"""Checks of a running platform are killed, stopped and made to raise: no clip passes unlooked at.

The three models that ship share a process, the plug-in has one of its own, and the fingerprint is
looked up in the replica.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import httpx
import psutil
import pytest

from telecine_platform.jobs.store import JobStore
from telecine_platform.storage.local import LocalStore
from tests.damaged_packages import DamagedPackages
from tests.end_to_end.conftest import WORDS, client_of
from tests.running_platform import RunningPlatform

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.usefixtures("registered_at_s"),
]

ENDS_WITHIN_S = 180.0
CLIP: dict[str, Any] = {
    "prompt": "a red circle moves right on a blue background",
    "extra_body": {"seed": 7},
}
"""Nothing is found in it: what keeps it back is that nobody has looked."""
OWN_CHECKS = "telecine_safeguards.output.child"
WORK = {
    "id": "gloopmark",
    "kind": "work",
    "name": "Gloopmark",
    "rights_holder": "G",
    "reference_hashes": ["0f1e2d3c4b5a69788796a5b4c3d2e1f0" * 2],
}
"""Without a reference there is nothing to look a fingerprint up in."""
IN_FORCE_WITHIN_S = 10.0


@pytest.fixture(scope="module")
def registered_at_s(embedded: RunningPlatform) -> float:
    """When the work came into the registry, by `time.monotonic`; other tests fill the wait."""
    for path, body in (("", WORK), ("/gloopmark/verify", None)):
        asked = httpx.post(f"{embedded.url}/v1/rights/entities{path}", json=body, timeout=30)
        assert asked.status_code == 200, asked.text
    return time.monotonic()


@pytest.fixture
def platform(embedded: RunningPlatform) -> Iterator[RunningPlatform]:
    yield embedded
    (embedded.data_dir / WORDS).write_text("")


def _history(platform: RunningPlatform, job_id: str) -> list[tuple[str, str]]:
    jobs = JobStore(f"sqlite:///{platform.data_dir / 'jobs.db'}")
    try:
        return [(row.state, row.reason) for row in jobs.history(job_id)]
    finally:
        jobs.close()


def _wait(platform: RunningPlatform, job_id: str, *ends: str) -> list[tuple[str, str]]:
    """Until the job is in one of these states; no file of it is published before the last one."""
    deadline = time.monotonic() + ENDS_WITHIN_S
    blobs = LocalStore(platform.data_dir / "blobs")
    while True:
        published = blobs.keys(f"results/{job_id}")
        history = _history(platform, job_id)
        num_failed = sum(reason == "check_failed" for _, reason in history)
        if history[-1][0] in ends:
            return history
        # What is there before the end was put there by an attempt whose checks have all answered.
        epochs = {key.split("/")[2] for key in published}
        assert len(epochs) <= 1, (published, history)
        assert time.monotonic() < deadline, (num_failed, history)
        time.sleep(0.1)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_own_checks_that_are_killed_or_stand_still_release_nothing(
    platform: RunningPlatform, number: signal.Signals
) -> None:
    client = client_of(platform)
    checks = platform.pids(OWN_CHECKS)
    assert checks
    for pid in checks:
        os.kill(pid, number)
    video = client.videos.create(**CLIP)

    history = _wait(platform, video.id, "completed", "failed", "held")

    assert history[-1][0] == "completed", history
    assert ("queued", "check_failed") in history
    assert not set(platform.pids(OWN_CHECKS)) & set(checks)


def test_plugin_that_raises_and_is_killed_releases_nothing_until_it_answers(
    platform: RunningPlatform,
) -> None:
    client = client_of(platform)
    (platform.data_dir / WORDS).write_text("raise kill")
    video = client.videos.create(**CLIP)

    history = _wait(platform, video.id, "completed", "failed", "held")

    assert [reason for _, reason in history].count("check_failed") == 2
    assert history[-1][0] == "completed"


def test_clip_whose_check_never_answers_waits_for_a_person_and_says_so(
    platform: RunningPlatform,
) -> None:
    client = client_of(platform)
    (platform.data_dir / WORDS).write_text("raise kill raise")
    video = client.videos.create(**CLIP)

    _wait(platform, video.id, "completed", "failed", "held")

    shown = client.videos.retrieve(video.id)
    assert shown.status == "in_progress"
    assert "'switch'" in shown.model_dump()["notice"]
    assert LocalStore(platform.data_dir / "blobs").keys(f"results/{video.id}") == []


def test_own_checks_that_raise_release_nothing_and_say_so(
    platform: RunningPlatform, damaged: DamagedPackages, registered_at_s: float
) -> None:
    """One after the other; whoever failed has a new process, which loads what lies there then."""
    client = client_of(platform)
    time.sleep(max(0.0, registered_at_s + IN_FORCE_WITHIN_S - time.monotonic()))
    causes: dict[str, tuple[AbstractContextManager[None], str]] = {
        "fingerprint": (damaged.refusing(), "told to refuse"),
        "nudity": (nullcontext(), "could not look (OSError)"),
        "text": (damaged.damaged("text"), "could not look (CheckFailed)"),
        "faces": (damaged.damaged("faces"), "could not look (CheckFailed)"),
    }
    before = len(_failed_checks(platform))
    video_ids: list[str] = []
    for check, (cause, words) in causes.items():
        deadline = time.monotonic() + ENDS_WITHIN_S
        with cause:
            if check == "nudity":
                _let_open_no_file(platform)
            while not any(
                line["check"] == check and words in line["error"]
                for line in _failed_checks(platform)[before:]
            ):
                if not video_ids or _history(platform, video_ids[-1])[-1][0] == "held":
                    video_ids.append(client.videos.create(**CLIP).id)
                assert _published(platform, video_ids) == []
                assert time.monotonic() < deadline, (check, _failed_checks(platform)[before:])
                time.sleep(0.1)
            assert _published(platform, video_ids) == []

    assert _wait(platform, video_ids[-1], "completed")[-1][0] == "completed"
    for video_id in video_ids[:-1]:
        shown = client.videos.retrieve(video_id)
        assert shown.status == "in_progress"
        assert "could not give an answer" in shown.model_dump()["notice"]
    assert _published(platform, video_ids[:-1]) == []


def _let_open_no_file(platform: RunningPlatform) -> None:
    """As when the machine is out of file handles: the models cannot read the frames."""
    pids = platform.pids(OWN_CHECKS)
    assert pids
    for pid in pids:
        process = psutil.Process(pid)
        _, most = process.rlimit(psutil.RLIMIT_NOFILE)
        process.rlimit(psutil.RLIMIT_NOFILE, (0, most))


def _failed_checks(platform: RunningPlatform) -> list[dict[str, Any]]:  # Any: a line of the log
    lines = (platform.data_dir / "logs" / "moderation.jsonl").read_text().splitlines()
    return [line for line in map(json.loads, lines) if line.get("action") == "check_failed"]


def _published(platform: RunningPlatform, video_ids: list[str]) -> list[str]:
    blobs = LocalStore(platform.data_dir / "blobs")
    return [key for video_id in video_ids for key in blobs.keys(f"results/{video_id}")]
