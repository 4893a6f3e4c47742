"""Claimants' media: a copy of a released clip is recognised, and what is none is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from telecine_platform.records import JobState
from telecine_platform.takedowns.desk import TakedownDesk
from telecine_platform.takedowns.records import Claim
from telecine_serve.media.encode import encode_mp4
from tests.records import at
from tests.telecine_platform.takedowns.scene import CLAIMANT, Scene
from tests.telecine_safeguards.pictures import picture


def send(scene: Scene, claim: Claim, file: Path) -> Claim:
    """Store the media as the API does, and let a replica look at them."""
    scene.blobs.create(f"evidence/{claim.id}/media", file, "application/octet-stream")
    scene.claims.set_reference(claim.id, CLAIMANT, f"evidence/{claim.id}/media")
    desk = TakedownDesk(scene.settings, scene.database, scene.blobs, lambda: at(102))
    while desk.round():
        pass
    return scene.claims.get(claim.id, CLAIMANT)


def test_media_find_the_released_copy_and_stand_on_the_entity(scene: Scene, tmp_path: Path) -> None:
    job_id, other = scene.release(1), scene.release(2)
    claim = scene.claim(has_reference=True)
    frames = np.stack([picture("waves", 64, 96, 1)] * 3)
    encode_mp4(tmp_path / "copy.mp4", frames, 8, {})
    assert send(scene, claim, tmp_path / "copy.mp4").reference_problem is None
    scene.verify(claim, 103)
    scene.round(104)
    assert [scene.state(each) for each in (job_id, other)] == [
        JobState.WITHDRAWN, JobState.COMPLETED,
    ]  # fmt: skip
    assert scene.rights.get_entity(claim.entity_id).entity.reference_hashes


def empty(file: Path) -> None:
    file.write_bytes(b"")


def noise(file: Path) -> None:
    file.write_bytes(bytes(range(256)) * 40)


def flat(file: Path) -> None:
    Image.new("RGB", (64, 64)).save(file, format="PNG")


@pytest.mark.parametrize("make", [empty, noise, flat])
def test_what_cannot_be_looked_at_is_said(scene: Scene, tmp_path: Path, make: object) -> None:
    make(tmp_path / "media")  # type: ignore[operator]
    claim = send(scene, scene.claim(has_reference=True), tmp_path / "media")
    assert claim.reference_problem
