"""The quarantine format is exact, repeatable, and notices damage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from telecine_platform.errors import MediaError, ModelError, StorageUnavailable
from telecine_serve.media.clip_array import Frames
from telecine_serve.media.encode import encode_mp4
from telecine_serve.media.frames import read_frames, write_lossless
from tests.telecine_serve.media.clips import moving_clip


@pytest.mark.parametrize(
    "size", [(1, 2), (17, 23), (33, 128), (121, 250), (480, 832), (1088, 1920)]
)
def test_round_trip_is_bit_exact(tmp_path: Path, size: tuple[int, int]) -> None:
    frames_THWC = moving_clip(2, *size)

    write_lossless(tmp_path / "clip.mkv", frames_THWC, 16)
    read_THWC, _ = read_frames(tmp_path / "clip.mkv")

    assert read_THWC.dtype == np.uint8
    assert np.array_equal(read_THWC, frames_THWC)


@pytest.mark.parametrize("fps", [1, 7, 8, 12, 16, 24, 25, 30, 50, 60, 120])
def test_fps_survives(tmp_path: Path, fps: int) -> None:
    frames_THWC = moving_clip(3, 16, 16)

    write_lossless(tmp_path / "clip.mkv", frames_THWC, fps)
    read_THWC, read_fps = read_frames(tmp_path / "clip.mkv")

    assert read_fps == fps
    assert np.array_equal(read_THWC, frames_THWC)


def test_every_colour_value_survives(tmp_path: Path) -> None:
    values = np.arange(256, dtype=np.uint8)
    red, green = np.meshgrid(values, values)
    frames_THWC = np.stack([np.stack([red, green, red ^ green], -1), np.stack([green] * 3, -1)])

    write_lossless(tmp_path / "clip.mkv", frames_THWC, 8)

    assert np.array_equal(read_frames(tmp_path / "clip.mkv")[0], frames_THWC)


def test_frames_that_are_a_view_are_written_as_seen(tmp_path: Path) -> None:
    frames_THWC = moving_clip(4, 32, 48)[::-1, :, ::-1]

    write_lossless(tmp_path / "clip.mkv", frames_THWC, 8)

    assert np.array_equal(read_frames(tmp_path / "clip.mkv")[0], frames_THWC)


def test_single_frame_is_a_clip(tmp_path: Path) -> None:
    write_lossless(tmp_path / "clip.mkv", moving_clip(1, 16, 16), 8)

    assert read_frames(tmp_path / "clip.mkv")[0].shape == (1, 16, 16, 3)


def test_equal_frames_give_equal_files(tmp_path: Path) -> None:
    for name in ("a.mkv", "b.mkv"):
        write_lossless(tmp_path / name, moving_clip(4, 64, 96), 8)

    assert (tmp_path / "a.mkv").read_bytes() == (tmp_path / "b.mkv").read_bytes()


@pytest.mark.parametrize("damage", ["changed", "cut", "empty"])
def test_damaged_file_is_an_error(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "clip.mkv"
    write_lossless(path, moving_clip(9, 64, 96), 8)
    content = path.read_bytes()
    middle = len(content) // 2
    match damage:
        case "changed":
            path.write_bytes(content[:middle] + b"ruin!ruin!" + content[middle + 10 :])
        case "cut":
            path.write_bytes(content[:middle])
        case _:
            path.write_bytes(b"")

    with pytest.raises(MediaError, match=r"clip\.mkv"):
        read_frames(path)


def test_lossy_clip_is_not_taken_for_a_quarantined_one(tmp_path: Path) -> None:
    encode_mp4(tmp_path / "clip.mp4", moving_clip(3, 32, 32), 8, {})

    with pytest.raises(MediaError):
        read_frames(tmp_path / "clip.mp4")


@pytest.mark.parametrize(
    "frames_THWC",
    [
        np.zeros((2, 16, 16, 3), np.float32),
        np.zeros((2, 16, 16, 4), np.uint8),
        np.zeros((16, 16, 3), np.uint8),
        np.zeros((0, 16, 16, 3), np.uint8),
        np.zeros((2, 16, 1, 3), np.uint8),
    ],
)
def test_wrong_array_is_refused(tmp_path: Path, frames_THWC: Frames) -> None:
    with pytest.raises(ModelError, match=r"a clip must be uint8 THWC|at least 2 pixels wide"):
        write_lossless(tmp_path / "clip.mkv", frames_THWC, 8)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_full_disk_is_worth_another_attempt() -> None:
    with pytest.raises(StorageUnavailable, match="No space left") as caught:
        write_lossless(Path("/dev/full"), moving_clip(9, 128, 128), 8)

    assert caught.value.retryable
