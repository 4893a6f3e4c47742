"""Clips as files, sound and broken, for the provenance tests."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from telecine_serve.media.encode import encode_mp4
from tests.telecine_safeguards.provenance.pictures import Frames, textured_clip


def mp4(path: Path, frames_THWC: Frames | None = None) -> Path:
    frames = textured_clip(num_frames=4) if frames_THWC is None else frames_THWC
    encode_mp4(path, frames, 8, {"comment": "telecine test"})
    return path


def decoded(path: Path) -> Frames:
    with av.open(str(path)) as container:
        return np.stack([each.to_ndarray(format="rgb24") for each in container.decode(video=0)])


def remuxed(source: Path, path: Path) -> Path:
    """The same streams in a new container, as an upload to another site leaves them."""
    with av.open(str(source)) as old, av.open(str(path), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)
    return path


def encoded_again(frames_THWC: Frames, path: Path, crf: int = 28, codec: str = "libx264") -> Path:
    """Any size, frames at uneven times."""
    with av.open(str(path), "w") as container:
        options = {"crf": str(crf), "threads": "1"} if codec == "libx264" else {}
        stream = container.add_stream(codec, rate=24, options=options)
        stream.height, stream.width = frames_THWC.shape[1:3]
        stream.pix_fmt = "yuv420p" if codec == "libx264" else "bgr0"
        stream.time_base = Fraction(1, 90_000)
        for number, frame_HWC in enumerate(frames_THWC):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame_HWC), "rgb24")
            frame.time_base = Fraction(1, 90_000)
            frame.pts = 9_000 * number + 2_500 * (number % 2)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def sound_only(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8_000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 8_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
