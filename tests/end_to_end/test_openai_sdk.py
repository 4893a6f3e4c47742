"""The official openai SDK, unchanged, drives the whole chain; the same on both platforms."""

from __future__ import annotations

import io
from pathlib import Path

import av
import httpx
import numpy as np
import pytest
from PIL import Image, ImageDraw

from telecine_serve.embedded.detector import SeenScene, SeenThing, read_scene
from telecine_serve.embedded.render import BACKGROUNDS, COLOURS
from telecine_serve.embedded.scenes import Background, Colour, Motion, Shape
from telecine_serve.media.encode import probe_mp4
from tests.end_to_end.conftest import LARGE, ONE, WIDE, client_of
from tests.running_platform import RunningPlatform

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def test_prompt_becomes_a_clip_that_plays(platform: RunningPlatform, clip_path: Path) -> None:
    client = client_of(platform)
    video = client.videos.create_and_poll(
        prompt="a red circle moves right on a blue background", extra_body={"seed": 7}
    )
    assert (video.status, video.progress, video.error) == ("completed", 100, None)
    client.videos.download_content(video.id).write_to_file(clip_path)
    shown = read_scene(frames_of(clip_path.read_bytes()), num_things=1)
    assert shown == SeenScene(
        background=Background.BLUE,
        things=(SeenThing(colour=Colour.RED, shape=Shape.CIRCLE, motion=Motion.RIGHT),),
    )
    clip = probe_mp4(clip_path)
    assert (clip.num_frames, clip.width_px, clip.height_px, clip.fps) == (17, 64, 64, 8)
    thumbnail = client.videos.download_content(video.id, variant="thumbnail").read()
    assert Image.open(io.BytesIO(thumbnail)).format == "WEBP"
    sheet = client.videos.download_content(video.id, variant="spritesheet").read()
    assert Image.open(io.BytesIO(sheet)).format == "JPEG"


def test_same_seed_makes_the_same_frames_but_for_their_marks(platform: RunningPlatform) -> None:
    client = client_of(platform)
    clips = []
    for seed in (11, 11, 12):
        video = client.videos.create_and_poll(
            prompt="a green star",
            seconds=ONE,
            size=WIDE,
            extra_body={"seed": seed, "num_steps": 3},
        )
        assert (video.size, video.seconds) == ("96x64", "1")
        clips.append(frames_of(client.videos.download_content(video.id).read()))
    assert clips[0].shape == (9, 64, 96, 3)
    assert not np.array_equal(clips[0], clips[1])
    same_seed_db, other_seed_db = (likeness_db(clips[0], other) for other in clips[1:])
    assert same_seed_db > 30
    assert other_seed_db < same_seed_db - 3


def test_clip_begins_with_the_picture_that_was_sent(platform: RunningPlatform) -> None:
    """Every rank reads it from storage: the prompt does not say where the thing is."""
    canvas = Image.new("RGB", (256, 256), BACKGROUNDS[Background.BLUE])
    ImageDraw.Draw(canvas).ellipse((16, 120, 128, 232), fill=COLOURS[Colour.ORANGE])
    picture = canvas.resize((64, 64), Image.Resampling.LANCZOS)
    content = io.BytesIO()
    picture.save(content, "PNG")
    client = client_of(platform)
    video = client.videos.create_and_poll(
        prompt="an orange circle moves right on a blue background",
        input_reference=("first.png", content.getvalue()),
        extra_body={"seed": 5},
    )
    assert (video.status, video.error) == ("completed", None)
    frames_THWC = frames_of(client.videos.download_content(video.id).read())
    first_db = likeness_db(np.asarray(picture), frames_THWC[0])
    assert first_db > 25  # after the mark and the encoder
    assert likeness_db(np.asarray(picture), frames_THWC[-1]) < first_db - 10
    (thing,) = read_scene(frames_THWC, num_things=1).things
    assert thing == SeenThing(colour=Colour.ORANGE, shape=Shape.CIRCLE, motion=Motion.RIGHT)


def likeness_db(one: np.ndarray, other: np.ndarray) -> float:
    """Peak signal to noise. Each mark is at 40 dB from its clip."""
    return float(10 * np.log10(255**2 / np.mean(np.square(one.astype(float) - other))))


def frames_of(content: bytes) -> np.ndarray:
    with av.open(io.BytesIO(content)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def test_blocked_prompt_fails_with_a_readable_reason(platform: RunningPlatform) -> None:
    client = client_of(platform)
    video = client.videos.create_and_poll(prompt="p1k4chu dancing in the rain")
    assert video.status == "failed"
    assert video.error is not None
    assert video.error.code == "protected_character"
    assert "Pikachu" in video.error.message
    assert "Describe" in video.error.message
    content = httpx.get(f"{platform.url}/v1/videos/{video.id}/content")
    assert content.status_code in (400, 404)


def test_list_and_delete_leave_nothing_behind(platform: RunningPlatform) -> None:
    client = client_of(platform)
    video = client.videos.create_and_poll(
        prompt="a blue square", extra_body={"num_steps": 2, "seed": 7}
    )
    assert video.id in [item.id for item in client.videos.list(limit=5)]
    assert client.videos.delete(video.id).deleted
    assert video.id not in [item.id for item in client.videos.list(limit=5)]
    assert httpx.get(f"{platform.url}/v1/videos/{video.id}").status_code == 404


def test_clip_can_be_read_in_ranges(platform: RunningPlatform) -> None:
    client = client_of(platform)
    video = client.videos.create_and_poll(
        prompt="a yellow square", extra_body={"num_steps": 2, "seed": 7}
    )
    whole = client.videos.download_content(video.id).read()
    part = httpx.get(
        f"{platform.url}/v1/videos/{video.id}/content",
        headers={"Range": "bytes=4-7"}, follow_redirects=True,
    )  # fmt: skip
    assert (part.status_code, part.content) == (206, whole[4:8])


def test_deleting_a_running_job_frees_the_gang(platform: RunningPlatform) -> None:
    client = client_of(platform)
    slow = client.videos.create(
        prompt="a long one",
        seconds="4",
        size=LARGE,
        extra_body={"num_steps": 100},
    )
    while client.videos.retrieve(slow.id).progress < 2:
        pass
    client.videos.delete(slow.id)
    quick = client.videos.create_and_poll(
        prompt="a quick one", extra_body={"num_steps": 2, "seed": 7}
    )
    assert quick.status == "completed"
