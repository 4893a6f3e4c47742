"""Two models of two families on one Ray: each job goes to a gang of its own model."""

from __future__ import annotations

from pathlib import Path

import pytest

from telecine_serve.media.encode import probe_mp4
from tests.end_to_end.conftest import ONE, client_of
from tests.running_platform import RunningPlatform
from tests.telecine_serve.models.ltx_folder import CARD as LTX

# Seeds of clips that nothing is found in: noise of another one may be held for a person.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def test_each_model_makes_its_own_clips(clustered: RunningPlatform, clip_path: Path) -> None:
    client = client_of(clustered)
    assert [model.id for model in client.models.list()] == ["embedded", LTX.name]
    first = client.videos.create(
        prompt="a red ball", model=LTX.name, seconds=ONE, extra_body={"num_steps": 2, "seed": 3}
    )
    # Behind it in time, and done before it: another queue, another gang.
    quick = client.videos.create_and_poll(
        prompt="a red circle moves right on a blue background", extra_body={"seed": 7}
    )
    assert (quick.model, quick.status) == ("embedded", "completed")

    large = client.videos.poll(first.id)

    assert (large.model, large.status, large.size) == (LTX.name, "completed", "704x480")
    client.videos.download_content(large.id).write_to_file(clip_path)
    clip = probe_mp4(clip_path)
    assert (clip.num_frames, clip.width_px, clip.height_px, clip.fps) == (25, 704, 480, 24)
    client.videos.download_content(quick.id).write_to_file(clip_path)
    assert probe_mp4(clip_path).width_px == 64
