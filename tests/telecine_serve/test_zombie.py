"""A process that comes back after its lease ran out can write nothing that counts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from telecine_platform.clock import utc_now
from telecine_platform.jobs.reaper import return_expired
from telecine_platform.jobs.retry import RetryPolicy
from telecine_platform.jobs.store import JobStore
from telecine_platform.records import ClipKeys, Job, JobState, Stage
from telecine_platform.storage.local import LocalStore
from telecine_platform.storage.store import result_key
from tests.databases import open_jobs
from tests.records import spec, verdict
from tests.rights_records import seeded

WITHIN_S = 120.0
"""For a process to start and to write, on a busy machine."""


@pytest.mark.slow
def test_stopped_process_that_goes_on_after_its_lease_is_fenced(tmp_path: Path) -> None:
    with closing(open_jobs(tmp_path)) as jobs:
        seeded(jobs.database)
        queue_for_moderation(jobs)
        environ = {
            "TELECINE_DATA_DIR": str(tmp_path),
            "TELECINE_LOG_FOLDER": str(tmp_path / "logs"),
        }
        zombie = subprocess.Popen(
            [sys.executable, "-m", "tests.telecine_serve.zombie"], env=os.environ | environ
        )
        try:
            wait_until(lambda: psutil.Process(zombie.pid).status() == psutil.STATUS_STOPPED)
            stopped = jobs.get("video_1", "acme")
            stored = LocalStore(tmp_path / "blobs").keys("results/video_1")
            assert result_key("video_1", stopped.epoch, "clip.mp4") in stored

            successor = take_over(jobs)
            zombie.send_signal(signal.SIGCONT)
            wait_until(lambda: '"action": "settled"' in logged(tmp_path / "logs"))
        finally:
            zombie.kill()
            zombie.wait()
        assert '"state": "lost' in logged(tmp_path / "logs")
        found = jobs.get("video_1", "acme")
        assert (found.state, found.epoch, found.clip) == (
            JobState.RUNNING, stopped.epoch + 1, None,
        )  # fmt: skip
        clip = ClipKeys(video="won", thumbnail="t", spritesheet="s")
        jobs.complete(successor, clip, verdict(), utc_now())
        assert jobs.get("video_1", "acme").clip == clip
        ends = [row.state for row in jobs.history("video_1") if JobState(row.state).is_final]
        assert ends == [JobState.COMPLETED]


def queue_for_moderation(jobs: JobStore) -> None:
    now = utc_now()
    jobs.submit(job_id="video_1", tenant_id="acme", spec=spec(), traceparent="", now=now)
    for stage in (Stage.SCREENING, Stage.GENERATION):
        job = jobs.claim(stage, "w", 15.0, now)
        assert job is not None
        jobs.hand_over(job, verdict(), now, "draft" if stage is Stage.GENERATION else None)


def take_over(jobs: JobStore) -> Job:
    """As the reaper and the next worker do once the lease has run out."""
    later = utc_now() + timedelta(hours=1)
    policy = RetryPolicy(max_attempts=3, delay_s=0.01, max_deaths=3)
    assert return_expired(jobs, policy, later) == 1
    job = jobs.claim(Stage.MODERATION, "successor", 15.0, later + timedelta(seconds=1))
    assert job is not None
    return job


def logged(folder: Path) -> str:
    return "".join(file.read_text() for file in folder.rglob("*.jsonl"))


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)
