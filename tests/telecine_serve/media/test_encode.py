"""The released MP4: plays, looks right, is repeatable and says what it is."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from telecine_platform.errors import MediaError, ModelError
from telecine_serve.media.encode import ClipInfo, encode_mp4, probe_mp4
from tests.telecine_serve.media.clips import flat_clip, moving_clip

_ENCODE = """
import sys
from pathlib import Path
from telecine_serve.media.encode import encode_mp4
from tests.telecine_serve.media.clips import moving_clip
encode_mp4(Path(sys.argv[1]), moving_clip(9, 256, 448), 16, {"title": "a clip"})
"""


def test_probe_tells_what_was_encoded(tmp_path: Path) -> None:
    encode_mp4(tmp_path / "clip.mp4", moving_clip(17, 64, 112), 8, {})

    assert probe_mp4(tmp_path / "clip.mp4") == ClipInfo(
        num_frames=17, width_px=112, height_px=64, fps=8.0, codec="h264"
    )


@pytest.mark.parametrize(
    "colour",
    [(255, 0, 0), (0, 255, 0), (0, 0, 255), (200, 120, 40), (0, 0, 0), (255, 255, 255)],
)
def test_colours_survive_within_rounding(tmp_path: Path, colour: tuple[int, int, int]) -> None:
    encode_mp4(tmp_path / "clip.mp4", flat_clip(colour), 8, {})

    with av.open(str(tmp_path / "clip.mp4")) as container:
        frame = next(container.decode(video=0))
    decoded_HWC = frame.reformat(format="rgb24", src_colorspace=1, src_color_range=1).to_ndarray()

    assert np.abs(decoded_HWC.astype(int) - colour).max() <= 3


def test_picture_stays_close_to_the_frames(tmp_path: Path) -> None:
    rows, columns = np.mgrid[0:128, 0:192]
    frames_THWC = np.stack(
        [np.stack([rows + t, columns + t, rows // 2 + 60], -1) for t in range(9)]
    ).astype(np.uint8)
    encode_mp4(tmp_path / "clip.mp4", frames_THWC, 8, {})

    with av.open(str(tmp_path / "clip.mp4")) as container:
        decoded_THWC = np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)])

    error = np.abs(decoded_THWC.astype(int) - frames_THWC).mean()
    assert decoded_THWC.shape == frames_THWC.shape
    assert error < 3.0


def test_stream_is_tagged_for_browsers(tmp_path: Path) -> None:
    encode_mp4(tmp_path / "clip.mp4", moving_clip(5, 64, 64), 8, {})

    with av.open(str(tmp_path / "clip.mp4")) as container:
        context = container.streams.video[0].codec_context
        tags = (context.color_primaries, context.color_trc, context.colorspace, context.color_range)

    assert context.pix_fmt == "yuv420p"
    assert context.profile == "High"
    assert tags == (1, 1, 1, 1)


def test_index_lies_before_the_pictures(tmp_path: Path) -> None:
    encode_mp4(tmp_path / "clip.mp4", moving_clip(5, 64, 64), 8, {})

    content = (tmp_path / "clip.mp4").read_bytes()

    assert content[4:8] == b"ftyp"
    assert 0 < content.index(b"moov") < content.index(b"mdat")


def test_any_metadata_key_is_kept(tmp_path: Path) -> None:
    metadata = {"title": "Ein Käfer", "comment": "AI-generated", "telecine_job": "video_1"}
    encode_mp4(tmp_path / "clip.mp4", moving_clip(3, 32, 32), 8, metadata)

    with av.open(str(tmp_path / "clip.mp4")) as container:
        found = dict(container.metadata)

    assert {key: found[key] for key in metadata} == metadata


def test_equal_input_gives_equal_bytes_whatever_the_memory_holds(tmp_path: Path) -> None:
    """glibc fills fresh memory with MALLOC_PERTURB_: an encoder that reads it unwritten shows."""
    digests = set()
    for perturb in ("1", "85", "170"):
        path = tmp_path / f"{perturb}.mp4"
        environ = os.environ | {"MALLOC_PERTURB_": perturb}
        subprocess.run([sys.executable, "-c", _ENCODE, str(path)], env=environ, check=True)
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())

    assert len(digests) == 1


@pytest.mark.parametrize("size", [(63, 64), (64, 63)])
def test_odd_size_is_refused(tmp_path: Path, size: tuple[int, int]) -> None:
    with pytest.raises(ModelError, match="even sizes"):
        encode_mp4(tmp_path / "clip.mp4", moving_clip(2, *size), 8, {})

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"not a clip", b"#EXTM3U\nfile:///etc/passwd\n"])
def test_other_file_is_no_clip(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "clip.mp4").write_bytes(content)

    with pytest.raises(MediaError, match=r"clip\.mp4"):
        probe_mp4(tmp_path / "clip.mp4")
