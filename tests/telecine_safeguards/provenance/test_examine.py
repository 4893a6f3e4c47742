"""Files from strangers: whatever they are, the answer is a sentence."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from telecine_safeguards.errors import UnreadableClip
from telecine_safeguards.provenance.embed import embed
from telecine_safeguards.provenance.examine import Limits, examine
from telecine_safeguards.provenance.examine_child import NUM_KEY_FRAMES, frames_to_look_at
from tests.telecine_safeguards.provenance.files import encoded_again, mp4, sound_only
from tests.telecine_safeguards.provenance.pictures import KEY, MARK_ID, textured_clip
from tests.telecine_safeguards.tones import tone, write_sound


def test_mark_is_read_from_uneven_times_and_odd_sizes(tmp_path: Path) -> None:
    marked = embed(textured_clip(num_frames=6), MARK_ID, KEY)[:, :239, :319]
    file = encoded_again(marked, tmp_path / "odd.mkv", codec="ffv1")
    found = examine(file, [KEY], Limits())
    assert found.mark is not None
    assert found.mark.mark_id == MARK_ID
    assert found.frames_THWC.shape == (6, 239, 319, 3)


def test_frames_coded_by_themselves_are_looked_at_too(tmp_path: Path) -> None:
    file = mp4(tmp_path / "long.mp4", textured_clip(num_frames=75, height_px=64, width_px=64))
    with av.open(str(file)) as container:
        frames = list(container.decode(video=0))
    uneven = [each.pts for number, each in enumerate(frames) if each.key_frame and number % 3]
    limits = Limits()
    order = {
        "file": str(file), "max_pixels": limits.max_pixels, "max_decoded": limits.max_decoded,
    }  # fmt: skip
    looked_at = [each.pts for each in frames_to_look_at(order)]
    assert uneven
    assert looked_at == sorted([*(each.pts for each in frames[:72:3]), *uneven[:NUM_KEY_FRAMES]])


def test_without_keys_only_frames_are_sampled(tmp_path: Path) -> None:
    found = examine(mp4(tmp_path / "clip.mp4"), [], Limits())
    assert found.mark is None
    assert len(found.frames_THWC) == 4


def test_sound_beside_the_picture_does_not_matter(tmp_path: Path) -> None:
    for name, codecs in {"a.mp4": ("aac", "libx264"), "a.webm": ("libopus", "libvpx")}.items():
        file = write_sound(tmp_path / name, tone(440, 0.5), codecs[0], video=codecs[1])
        assert examine(file, [], Limits()).frames_THWC.shape == (4, 64, 64, 3)


def test_broken_files_are_refused_with_a_reason(tmp_path: Path) -> None:
    whole = mp4(tmp_path / "whole.mp4").read_bytes()
    cases = {
        "empty": (b"", "no video that can be decoded"),
        "noise": (np.random.default_rng(1).bytes(5_000), "no video that can be decoded"),
        "half": (whole[: len(whole) // 3], "no video that can be decoded|no frame of it"),
        "sound": (sound_only(tmp_path / "sound.mp4").read_bytes(), "no video track"),
    }
    for name, (content, reason) in cases.items():
        file = tmp_path / f"{name}.mp4"
        file.write_bytes(content)
        with pytest.raises(UnreadableClip, match=reason):
            examine(file, [], Limits())


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(max_pixels=1_000), "frames of 320x240 are too large"),
        (Limits(memory_bytes=200 * 2**20), "needs more memory|broke its reader"),
        (Limits(wall_s=0.02), "within 0.02 s"),
    ],
    ids=["pixels", "memory", "time"],
)
def test_limits_hold(limits: Limits, reason: str, tmp_path: Path) -> None:
    with pytest.raises(UnreadableClip, match=reason):
        examine(mp4(tmp_path / "clip.mp4"), [KEY], limits)


def test_no_more_frames_are_decoded_than_allowed(tmp_path: Path) -> None:
    found = examine(mp4(tmp_path / "clip.mp4"), [], Limits(max_decoded=2))
    assert len(found.frames_THWC) == 2
