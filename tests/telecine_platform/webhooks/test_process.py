"""The API as a process of its own: it sends what is owed, by itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from telecine_platform.jobs.store import JobStore
from telecine_platform.storage.local import LocalStore
from tests.telecine_platform.api.fakes import FakeStages
from tests.telecine_platform.webhooks.receiver import receiving

CONTENT = [{"type": "text", "text": "a red fox"}]


@pytest.mark.slow
def test_a_finished_task_is_told_to_its_callback_url_in_arks_words(tmp_path: Path) -> None:
    environ = os.environ | {
        "TELECINE_DATA_DIR": str(tmp_path),
        "TELECINE_PORT": "0",
        "TELECINE_FETCH_ALLOWED": "localhost",
        "TELECINE_PUBLIC_URL": "https://clips.example",
    }
    command = [sys.executable, "-m", "telecine_platform.api.server"]
    with (
        receiving() as receiver,
        subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process,
    ):
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        task = {"model": "embedded", "content": CONTENT, "callback_url": receiver.url}
        created = httpx.post(
            f"{url}/api/v3/contents/generations/tasks", json=task, timeout=60, trust_env=False
        )
        assert created.status_code == 200, created.text
        jobs = JobStore(f"sqlite:///{tmp_path / 'jobs.db'}")
        FakeStages(jobs, LocalStore(tmp_path / "blobs"), tmp_path).work_off()
        jobs.close()
        while "succeeded" not in [body["status"] for body in receiver.bodies()]:
            assert receiver.arrived.wait(20), receiver.bodies()
            receiver.arrived.clear()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    told = receiver.bodies()[-1]  # the first claim's news may say the same: it tells the moment
    assert told["id"] == created.json()["id"]
    assert told["content"]["video_url"].startswith("https://clips.example/v1/videos/video_")
