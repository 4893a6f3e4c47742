"""The released clip: H.264 in MP4, as every browser plays it. Equal input gives equal bytes.

Licence: the `av` wheel's FFmpeg contains x264, which is GPL, and H.264 may need a patent licence
where clips are distributed. An operator who ships images checks both, or builds PyAV against an
FFmpeg with another H.264 encoder and changes `CODEC` (its options are below it).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from telecine_platform.errors import MediaError, ModelError
from telecine_serve.media.clip_array import Frames, check_frames, translated_media_errors
from telecine_serve.media.sound import add_sound, mux_sound

MP4_CONTENT_TYPE = "video/mp4"
CODEC = "libx264"
_CODEC_OPTIONS = {
    "preset": "medium",
    "crf": "20",
    "profile": "high",
    # x264's output depends on the number of threads: a fixed one makes it repeatable anywhere.
    "threads": "1",
    # With AVX-512, x264's macroblock tree reads memory that nobody wrote: equal input then gave
    # different bytes (seen with av 18.1). Without the tree files are up to twice as big, but equal.
    "x264-params": "mbtree=0",
}
_CONTAINER_OPTIONS = {
    "fflags": "+bitexact",
    # The index goes first, so that playing starts before the download ends; any metadata key stays.
    "movflags": "+faststart+use_metadata_tags",
}
_BT709 = 1
"""ITU-T H.273: primaries, transfer and matrix of HDTV, what players assume for H.264."""
_LIMITED_RANGE = 1
"""FFmpeg's AVCOL_RANGE_MPEG: luma 16 to 235."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipInfo:
    """What a clip's container and stream say of it."""

    num_frames: int
    width_px: int
    height_px: int
    fps: float
    codec: str


def encode_mp4(
    path: Path,
    frames_THWC: Frames,
    fps: int,
    metadata: Mapping[str, str],
    sound: Path | None = None,
) -> None:
    """Encode to H.264, yuv420p, BT.709, with the metadata in the container.

    `sound`: the file whose first sound track comes along, if it has one; None: a silent clip.
    Raises `ModelError` if the width or height is odd: the colours have half the resolution.
    """
    check_frames(frames_THWC)
    _, height_px, width_px, _ = frames_THWC.shape
    if width_px % 2 or height_px % 2:
        raise ModelError(f"H.264 needs even sizes, got {width_px}x{height_px}: correct the card")
    with (
        translated_media_errors("encode", path),
        av.open(str(path), "w", format="mp4", options=_CONTAINER_OPTIONS) as container,
        nullcontext() if sound is None else av.open(str(sound), "r") as source,
    ):
        container.metadata.update({key: metadata[key] for key in sorted(metadata)})
        stream = container.add_stream(CODEC, rate=fps, options=_CODEC_OPTIONS)
        stream.width, stream.height, stream.pix_fmt = width_px, height_px, "yuv420p"
        stream.time_base = Fraction(1, fps)
        context = stream.codec_context
        context.flags |= av.codec.context.Flags.bitexact
        context.gop_size = 2 * fps  # a player can seek to every second second
        context.color_primaries = context.color_trc = context.colorspace = _BT709
        context.color_range = _LIMITED_RANGE
        has_sound = source is not None and bool(source.streams.audio)
        sound_stream = add_sound(container, source) if has_sound else None
        for index, frame_HWC in enumerate(frames_THWC):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame_HWC), "rgb24")
            frame = frame.reformat(
                format="yuv420p",
                dst_colorspace=_BT709,
                dst_color_range=_LIMITED_RANGE,
                threads=1,
            )
            frame.pts, frame.time_base = index, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound_stream is not None:
            mux_sound(container, sound_stream, source)


def probe_mp4(path: Path) -> ClipInfo:
    """Read what the container says, without decoding. Raises `MediaError` if it is no clip."""
    with translated_media_errors("read", path), av.open(str(path), "r", format="mp4") as container:
        if not container.streams.video:
            raise MediaError(f"{path.name} has no video stream")
        stream = container.streams.video[0]
        return ClipInfo(
            num_frames=stream.frames,
            width_px=stream.width,
            height_px=stream.height,
            fps=float(stream.average_rate or 0),
            codec=stream.codec.name,
        )
