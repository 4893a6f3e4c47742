"""Still pictures: right format, right frames, big enough to see."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from telecine_platform.errors import MediaError, StorageUnavailable
from telecine_serve.media.thumbnails import write_last_frame, write_spritesheet, write_thumbnail
from tests.telecine_serve.media.clips import flat_clip, moving_clip


@pytest.mark.parametrize(
    ("height_px", "width_px", "expected_size"),
    [
        (64, 112, (336, 192)),
        (16, 16, (256, 256)),
        (256, 128, (128, 256)),
        (480, 640, (640, 480)),
        (720, 1280, (640, 360)),
    ],
)
def test_thumbnail_is_a_webp_of_a_visible_size(
    tmp_path: Path, height_px: int, width_px: int, expected_size: tuple[int, int]
) -> None:
    write_thumbnail(tmp_path / "thumbnail.webp", moving_clip(2, height_px, width_px))

    with Image.open(tmp_path / "thumbnail.webp") as picture:
        assert (picture.format, picture.size) == ("WEBP", expected_size)


def test_thumbnail_shows_the_middle_frame(tmp_path: Path) -> None:
    clip_THWC = np.concatenate(
        [flat_clip((255, 0, 0)), flat_clip((0, 255, 0), 1), flat_clip((0, 0, 255))]
    )

    write_thumbnail(tmp_path / "thumbnail.webp", clip_THWC)

    with Image.open(tmp_path / "thumbnail.webp") as picture:
        red, green, blue = np.asarray(picture.convert("RGB"))[100, 100]
    assert green > 240
    assert max(red, blue) < 15


@pytest.mark.parametrize(
    ("num_frames", "expected_grid"),
    [(1, (1, 1)), (2, (2, 1)), (5, (3, 2)), (9, (3, 3)), (16, (4, 4)), (81, (4, 4))],
)
def test_spritesheet_is_a_grid_of_at_most_16(
    tmp_path: Path, num_frames: int, expected_grid: tuple[int, int]
) -> None:
    write_spritesheet(tmp_path / "sprites.jpg", moving_clip(num_frames, 16, 32))

    with Image.open(tmp_path / "sprites.jpg") as picture:
        assert picture.format == "JPEG"
        assert (picture.width // 256, picture.height // 128) == expected_grid


def test_spritesheet_runs_from_the_first_to_the_last_frame(tmp_path: Path) -> None:
    levels = np.linspace(0, 255, 81).astype(int)
    clip_THWC = np.concatenate([flat_clip((level, level, level), 1) for level in levels])

    write_spritesheet(tmp_path / "sprites.jpg", clip_THWC)

    with Image.open(tmp_path / "sprites.jpg") as picture:
        cells = np.asarray(picture.convert("L")).reshape(4, 256, 4, 256).mean(axis=(1, 3))
    assert cells.ravel() == pytest.approx(np.linspace(0, 255, 16), abs=3)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_the_last_frame_is_kept_pixel_for_pixel(tmp_path: Path) -> None:
    frames_THWC = moving_clip(5, 64, 96)
    write_last_frame(tmp_path / "last.png", frames_THWC)
    with Image.open(tmp_path / "last.png") as picture:
        assert picture.format == "PNG"
        assert np.array_equal(np.asarray(picture), frames_THWC[-1])


def test_full_disk_is_worth_another_attempt() -> None:
    with pytest.raises(StorageUnavailable):
        write_thumbnail(Path("/dev/full"), moving_clip(1, 64, 64))


def test_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="cannot write"):
        write_spritesheet(tmp_path / "nowhere" / "sprites.jpg", moving_clip(1, 64, 64))
