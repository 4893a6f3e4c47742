"""The quarantine format: FFV1 in Matroska, every RGB value exactly as the model made it.

Moderation must see what was generated, not what a lossy encoder made of it. Equal frames give equal
bytes: no dates, no random identifiers, and no threads that change the stream.
"""

from __future__ import annotations

import hashlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from telecine_platform.errors import MediaError, ModelError
from telecine_serve.media.clip_array import Frames, check_frames, translated_media_errors

LOSSLESS_CONTENT_TYPE = "video/x-matroska"
_PIX_FMT = "bgr0"
"""The only 8-bit RGB layout that FFV1 takes (it has gbrp from 9 bits on); the shuffle is exact."""
_DIGEST = "FRAMES_SHA256"
"""Matroska tag: written before the first frame, checked after the last."""
# No "slices": FFmpeg picks a number that fits the size, and refuses most fixed ones for some size.
_OPTIONS = {"level": "3", "slicecrc": "1", "threads": "1"}


def write_lossless(path: Path, frames_THWC: Frames, fps: int) -> None:
    """Write the frames bit-exactly, odd sizes too. Raises `ModelError` for a wrong shape."""
    check_frames(frames_THWC)
    _, height_px, width_px, _ = frames_THWC.shape
    if width_px < 2:
        raise ModelError(f"FFV1 needs frames at least 2 pixels wide, got {width_px}x{height_px}")
    with (
        translated_media_errors("write", path),
        av.open(str(path), "w", format="matroska", options={"fflags": "+bitexact"}) as container,
    ):
        container.metadata[_DIGEST] = _digest(frames_THWC)
        stream = container.add_stream("ffv1", rate=fps, options=_OPTIONS)
        stream.width, stream.height, stream.pix_fmt = width_px, height_px, _PIX_FMT
        stream.codec_context.flags |= av.codec.context.Flags.bitexact
        stream.time_base = Fraction(1, fps)
        for index, frame_HWC in enumerate(frames_THWC):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame_HWC), "rgb24")
            frame = frame.reformat(format=_PIX_FMT)
            frame.pts, frame.time_base = index, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def read_frames(path: Path) -> tuple[Frames, int]:
    """Read all frames (THWC, uint8) and the fps. The whole clip is in memory.

    Raises `MediaError` if the file is damaged or was not written by `write_lossless`.
    """
    with (
        translated_media_errors("read", path),
        av.open(str(path), "r", format="matroska") as container,
    ):
        if not container.streams.video or container.streams.video[0].codec.name != "ffv1":
            raise MediaError(f"{path.name} is no FFV1 clip: write_lossless makes those")
        stream = container.streams.video[0]
        digest = container.metadata.get(_DIGEST, "")
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
        fps = round(float(stream.average_rate or 0))
    frames_THWC = np.stack(frames) if frames else np.empty((0, 0, 0, 3), np.uint8)
    # FFmpeg only logs a wrong checksum or a missing end, and paints over it.
    if _digest(frames_THWC) != digest or fps < 1:
        raise MediaError(
            f"{path.name} is damaged: its {len(frames)} frames at {fps} fps differ from those "
            "written; generate the clip again"
        )
    return frames_THWC, fps


def _digest(frames_THWC: Frames) -> str:
    """Hex SHA-256 of the shape and every colour value."""
    digest = hashlib.sha256(repr(frames_THWC.shape).encode())
    digest.update(np.ascontiguousarray(frames_THWC).data)
    return digest.hexdigest()
