"""SIGTERM: the job in hand is finished, what waits is kept, and a new start goes on with it."""

from __future__ import annotations

import time
from pathlib import Path

import psutil
import pytest

from telecine_platform.jobs.store import JobStore
from tests.end_to_end.conftest import LARGE, client_of
from tests.running_platform import running_platform

NAMES_ONLY = {"TELECINE_SCREENING_MODEL": "none"}  # two starts, and screening is not the subject

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_stopped_platform_goes_on_where_it_was(tmp_path: Path) -> None:
    with running_platform(tmp_path, NAMES_ONLY) as platform:
        client = client_of(platform)
        first = client.videos.create(
            prompt="first",
            seconds="4",
            size=LARGE,
            extra_body={"num_steps": 30},
        )
        second = client.videos.create(prompt="second", extra_body={"num_steps": 2, "seed": 7})
        while client.videos.retrieve(first.id).progress < 5:
            time.sleep(0.05)
        processes = platform.processes()
        platform.stop()
        assert platform.process.returncode == 0
        _, alive = psutil.wait_procs(processes, timeout=5)
        assert alive == []
    jobs = JobStore(f"sqlite:///{tmp_path / 'jobs.db'}")
    history = [(row.stage, row.state, row.reason) for row in jobs.history(first.id)]
    jobs.close()
    assert ("moderation", "queued", "handed over") in history  # drained, not killed
    with running_platform(tmp_path, NAMES_ONLY) as platform:
        client = client_of(platform)
        for video in (first, second):
            deadline = time.monotonic() + 60
            while client.videos.retrieve(video.id).status != "completed":
                assert time.monotonic() < deadline
                time.sleep(0.1)
