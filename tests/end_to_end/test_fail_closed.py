"""Checks of a running platform are killed, stopped and made to raise: no clip passes unlooked at.

The three checks that ship share a process; the plug-in has one of its own.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from telecine_platform.jobs.store import JobStore
from telecine_platform.storage.local import LocalStore
from tests.end_to_end.conftest import WORDS, client_of
from tests.running_platform import RunningPlatform

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

ENDS_WITHIN_S = 180.0
CLIP: dict[str, Any] = {
    "prompt": "a red circle moves right on a blue background",
    "extra_body": {"seed": 7},
}
"""Nothing is found in it: what keeps it back is that nobody has looked."""
OWN_CHECKS = "telecine_safeguards.output.child"


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
