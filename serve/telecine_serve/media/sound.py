"""The sound of a clip, encoded to AAC: in the released clip, and alone for a reviewer.

What is heard by moderation is what comes out: the first sound track, all of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import av

from telecine_serve.media.clip_array import translated_media_errors

_CODEC: Final = "aac"
_RATE_HZ: Final = 48_000


def write_sound(path: Path, source: Path) -> None:
    """Write the source's sound track as an M4A file. Raises `MediaError`."""
    with (
        translated_media_errors("encode the sound to", path),
        av.open(str(path), "w", format="mp4", options={"fflags": "+bitexact"}) as container,
        av.open(str(source), "r") as opened,
    ):
        mux_sound(container, add_sound(container, opened), opened)


def add_sound(container: Any, opened: Any) -> Any:  # Any: PyAV has no types
    """A stream for the opened file's sound; before anything is written."""
    stream = container.add_stream(_CODEC, rate=_RATE_HZ)
    stream.codec_context.layout = opened.streams.audio[0].layout.name
    stream.codec_context.flags |= av.codec.context.Flags.bitexact
    return stream


def mux_sound(container: Any, stream: Any, opened: Any) -> None:  # Any: as above
    """Encode all of it."""
    for frame in opened.decode(audio=0):
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
