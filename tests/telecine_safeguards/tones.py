"""Sound tracks made by code and written by real encoders, alone or beside a few black frames.

Legend: C channels, N samples.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

RATE_HZ = 48_000
Samples = npt.NDArray[np.float32]


def tone(pitch_hz: float, seconds: float, rate_hz: int = RATE_HZ) -> Samples:
    """One channel with a sine, not at full volume."""
    times_s = np.arange(round(seconds * rate_hz)) / rate_hz
    return np.asarray(0.5 * np.sin(2 * np.pi * pitch_hz * times_s)[np.newaxis], np.float32)


def write_sound(
    path: Path,
    samples_CN: Samples,
    codec: str = "aac",
    *,
    rate_hz: int = RATE_HZ,
    video: str | None = None,
) -> Path:
    """Encode to the container that the path's end names; `video` adds a track of that codec."""
    layout = {1: "mono", 2: "stereo"}[len(samples_CN)]
    with av.open(str(path), "w") as container:
        if video is not None:
            pictures = container.add_stream(video, rate=8)
            pictures.width, pictures.height, pictures.pix_fmt = 64, 64, "yuv420p"
        stream = container.add_stream(codec, rate=rate_hz)
        stream.codec_context.layout = layout
        if video is not None:
            for number in range(4):
                picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), "rgb24")
                picture.pts, picture.time_base = number, Fraction(1, 8)
                container.mux(pictures.encode(picture.reformat(format="yuv420p")))
            container.mux(pictures.encode(None))
        block = 1 << 16
        for start in range(0, samples_CN.shape[1], block):
            part_CN = np.ascontiguousarray(samples_CN[:, start : start + block])
            frame = av.AudioFrame.from_ndarray(part_CN, format="fltp", layout=layout)
            frame.sample_rate, frame.pts = rate_hz, start
            frame.time_base = Fraction(1, rate_hz)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def pitch_hz(samples: npt.NDArray[np.float32], rate_hz: int) -> float:
    """The loudest frequency."""
    spectrum = np.abs(np.fft.rfft(samples))
    return float(np.fft.rfftfreq(len(samples), 1 / rate_hz)[int(spectrum.argmax())])
