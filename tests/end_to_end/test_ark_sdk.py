"""The official Ark SDK, unchanged, drives the whole chain; the same on both platforms."""

from __future__ import annotations

import io
import time

import httpx
import pytest
from PIL import Image
from volcenginesdkarkruntime import Ark

from tests.running_platform import RunningPlatform

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def test_a_task_becomes_a_clip_with_its_last_frame(platform: RunningPlatform) -> None:
    with Ark(base_url=f"{platform.url}/api/v3", api_key="any") as ark:
        tasks = ark.content_generation.tasks
        created = tasks.create(
            model="embedded",
            content=[{"type": "text", "text": "a red circle --rt 3:2 --dur 1"}],
            return_last_frame=True,
        )
        task = tasks.get(task_id=created.id)
        while task.status in ("queued", "running"):
            time.sleep(0.2)
            task = tasks.get(task_id=created.id)

    assert (task.status, task.ratio, task.frames) == ("succeeded", "3:2", 9)
    clip = httpx.get(task.content.video_url, follow_redirects=True)
    assert clip.content[4:8] == b"ftyp"
    frame = httpx.get(task.content.last_frame_url, follow_redirects=True)
    with Image.open(io.BytesIO(frame.content)) as picture:
        assert (picture.format, picture.size) == ("PNG", (96, 64))
