"""A clip's sound as models hear it: float32 at one rate, channel by channel, in bounded parts.

Channels are not mixed: two that are opposite would cancel out for the model and not for an ear.
Invariant: all that the decoder makes of the first sound track is handed out, or CheckFailed is
raised. The release decodes it the same way, so that what is heard is what comes out. The memory is
bounded by one part.

Legend: C channels, N samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
import numpy.typing as npt
from av.error import FFmpegError

from telecine_safeguards.errors import CheckFailed

RATE_HZ: Final = 16_000
"""What models of speech and of sound events are trained with; above 8 kHz nothing is heard."""
PART_S: Final = 30
OVERLAP_S: Final = 1
"""What lies across the border of two parts is heard whole in the second."""
MAX_SOUND_S: Final = 600
MAX_CHANNELS: Final = 8
_FILE_ONLY: Final = {"protocol_whitelist": "file"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SoundPart:
    """Some seconds of one channel."""

    starts_at_s: float
    channel: int
    samples: npt.NDArray[np.float32]

    @property
    def ends_at_s(self) -> float:
        return self.starts_at_s + len(self.samples) / RATE_HZ


def has_sound(file: Path) -> bool:
    """Whether the file has a sound track. Raises CheckFailed for what cannot be opened."""
    try:
        with av.open(str(file), "r", options=_FILE_ONLY) as container:
            return bool(container.streams.audio)
    except (FFmpegError, OSError, ValueError) as error:
        raise CheckFailed(f"sound: the clip cannot be opened ({type(error).__name__})") from error


def parts_from_file(file: Path) -> Iterator[SoundPart]:
    """The first sound track. A channel that is equal to an earlier one is left out.

    Raises CheckFailed when it cannot be decoded, is empty, or is longer than MAX_SOUND_S.
    """
    waiting_CN, starts_at = np.zeros((0, 0), np.float32), 0
    num_samples = 0
    for decoded_CN in _decoded(file):
        if not num_samples:
            waiting_CN = decoded_CN[:, :0]
        if len(decoded_CN) != len(waiting_CN) or not np.isfinite(decoded_CN).all():
            raise CheckFailed("sound: its samples are damaged, or its channels change")
        num_samples += decoded_CN.shape[1]
        if num_samples > MAX_SOUND_S * RATE_HZ:
            raise CheckFailed(f"sound: it is longer than {MAX_SOUND_S} s")
        waiting_CN = np.concatenate([waiting_CN, decoded_CN], axis=1)
        while waiting_CN.shape[1] >= PART_S * RATE_HZ:
            yield from _channels(waiting_CN[:, : PART_S * RATE_HZ], starts_at)
            step = (PART_S - OVERLAP_S) * RATE_HZ
            waiting_CN, starts_at = waiting_CN[:, step:], starts_at + step
    if not num_samples:
        raise CheckFailed("sound: its track holds nothing that can be decoded")
    if not starts_at or waiting_CN.shape[1] > OVERLAP_S * RATE_HZ:
        yield from _channels(waiting_CN, starts_at)


def _channels(samples_CN: npt.NDArray[np.float32], starts_at: int) -> Iterator[SoundPart]:
    for channel, samples in enumerate(samples_CN):
        if not any(np.array_equal(samples, earlier) for earlier in samples_CN[:channel]):
            yield SoundPart(starts_at_s=starts_at / RATE_HZ, channel=channel, samples=samples)


def _decoded(file: Path) -> Iterator[npt.NDArray[np.float32]]:
    """What each packet holds, resampled."""
    try:
        with av.open(str(file), "r", options=_FILE_ONLY) as container:
            stream = container.streams.audio[0]
            if stream.channels > MAX_CHANNELS:
                raise CheckFailed(f"sound: {stream.channels} channels, {MAX_CHANNELS} at most")
            resampler = av.AudioResampler(format="fltp", rate=RATE_HZ)
            for frame in container.decode(stream):
                yield from _arrays(resampler.resample(frame))
            yield from _arrays(resampler.resample(None))
    except (FFmpegError, OSError, ValueError) as error:
        raise CheckFailed(f"sound: it cannot be decoded ({type(error).__name__})") from error


def _arrays(frames: list[Any]) -> Iterator[npt.NDArray[np.float32]]:  # Any: PyAV has no types
    return (frame.to_ndarray().astype(np.float32, copy=False) for frame in frames)
