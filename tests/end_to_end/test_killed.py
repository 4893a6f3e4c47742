"""SIGKILL in the middle of a job: it completes once, and one clip is published."""

from __future__ import annotations

import signal
import time

import pytest
from openai import APIConnectionError, OpenAI
from openai.types import Video

from telecine_platform.jobs.store import JobStore
from telecine_platform.storage.local import LocalStore
from tests.end_to_end.conftest import LARGE, client_of
from tests.running_platform import RunningPlatform

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

COMPLETES_WITHIN_S = 180.0


def start_job(client: OpenAI) -> Video:
    """A job of several seconds, caught in the middle of its denoising."""
    video = client.videos.create(
        prompt="a white circle grows",
        seconds="4",
        size=LARGE,
        extra_body={"num_steps": 24, "seed": 5},
    )
    deadline = time.monotonic() + COMPLETES_WITHIN_S
    while client.videos.retrieve(video.id).progress < 5:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return video


def wait_for_end(client: OpenAI, video_id: str) -> Video:
    deadline = time.monotonic() + COMPLETES_WITHIN_S
    while time.monotonic() < deadline:
        try:
            video = client.videos.retrieve(video_id)
        except APIConnectionError:  # the API is being replaced
            time.sleep(0.1)
            continue
        if video.status in ("completed", "failed"):
            return video
        time.sleep(0.2)
    raise AssertionError(f"{video_id} did not end within {COMPLETES_WITHIN_S} s")


def check_completed_once(platform: RunningPlatform, video: Video) -> list[str]:
    """One completion, one clip, and the states that led there."""
    jobs = JobStore(f"sqlite:///{platform.data_dir / 'jobs.db'}")
    history = jobs.history(video.id)
    jobs.close()
    assert video.status == "completed", (video.error, [tuple(row) for row in history])
    assert [row.state for row in history].count("completed") == 1
    clips = LocalStore(platform.data_dir / "blobs").keys(f"results/{video.id}")
    assert [key for key in clips if key.endswith("clip.mp4")] == [
        f"results/{video.id}/{history[-1].epoch}/clip.mp4"
    ]
    return [f"{row.stage}:{row.state}:{row.attempt}" for row in history]


@pytest.mark.parametrize(
    ("victim", "number"),
    [
        ("ServeReplica:generation", signal.SIGKILL),
        ("ray::Rank", signal.SIGKILL),
        ("ray::Rank", signal.SIGSTOP),  # not dead: its step counter stands still
    ],
)
def test_job_survives_the_loss_of_its_workers(
    embedded: RunningPlatform, victim: str, number: signal.Signals
) -> None:
    client = client_of(embedded)
    video = start_job(client)
    embedded.signal_one(victim, number)
    history = check_completed_once(embedded, wait_for_end(client, video.id))
    assert "generation:running:2" in history


def test_job_survives_the_death_of_the_api(embedded: RunningPlatform) -> None:
    client = client_of(embedded)
    video = start_job(client)
    embedded.signal_one("telecine_platform.api.server", signal.SIGKILL)
    history = check_completed_once(embedded, wait_for_end(client, video.id))
    assert "generation:running:2" not in history  # nobody who worked on it was touched
