"""The child of `examine.py`: reads an order from standard input, answers on standard output."""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

NUM_MARK_FRAMES: Final = 24
NUM_KEY_FRAMES: Final = 8
"""More at most: coded by themselves, they keep a mark best."""
NUM_COMPARED: Final = 8
_MAX_MARK_PX: Final = 720
_MAX_COMPARED_PX: Final = 480
"""Short sides: larger frames are scaled down first."""


def main() -> int:
    """Answer with `{"mark": …}` or `{"problem": …}`; the frames go into the order's folder."""
    order = json.load(sys.stdin)
    limit_bytes, cpu_s = order["memory_bytes"], order["cpu_s"]
    resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**28, 2**28))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        answer = _examined(order)
    except _Unreadable as error:
        answer = {"problem": str(error)}
    except MemoryError:
        answer = {"problem": "the clip needs more memory than a look-up may take"}
    print(json.dumps(answer))
    return 0


class _Unreadable(Exception):
    """The message is for the caller."""


def _examined(order: dict[str, Any]) -> dict[str, object]:  # Any: JSON
    import numpy as np

    from telecine_safeguards.provenance.detect import find_mark
    from telecine_safeguards.provenance.embed import MIN_SIDE_PX
    from telecine_safeguards.provenance.examine import FRAMES_FILE
    from telecine_safeguards.provenance.luma import luma_from_rgb

    frames = list(frames_to_look_at(order))
    if not frames:
        raise _Unreadable("the file has a video track, but no frame of it can be decoded")
    places = np.rint(np.linspace(0, len(frames) - 1, min(NUM_COMPARED, len(frames)))).astype(int)
    compared = [_scaled(frames[place], _MAX_COMPARED_PX) for place in sorted(set(places))]
    np.save(Path(order["folder"]) / FRAMES_FILE, np.stack(compared), allow_pickle=False)
    keys = [bytes.fromhex(key) for key in order["keys"]]
    pictures = [_scaled(frame, _MAX_MARK_PX) for frame in frames]
    if not keys or min(pictures[0].shape[:2]) < MIN_SIDE_PX:
        return {"mark": None}
    mark = find_mark(map(luma_from_rgb, pictures), keys)
    if mark is None:
        return {"mark": None}
    return {"mark": {"mark_id": mark.mark_id, "num_corrected": mark.num_corrected}}


def frames_to_look_at(order: dict[str, Any]) -> Iterator[Any]:  # Any: PyAV's frames have no types
    """Evenly spaced frames and the first key frames, all of one size."""
    import av
    from av.error import FFmpegError

    try:
        with av.open(order["file"], "r", options={"protocol_whitelist": "file"}) as container:
            if not container.streams.video:
                raise _Unreadable("the file has no video track")
            stream = container.streams.video[0]
            stream.thread_type, stream.codec_context.thread_count = "NONE", 1
            if stream.width * stream.height > order["max_pixels"]:
                raise _Unreadable(
                    f"frames of {stream.width}x{stream.height} are too large: "
                    f"{order['max_pixels']} pixels at most"
                )
            step = max(1, _num_frames(container, stream, order["max_decoded"]) // NUM_MARK_FRAMES)
            first, num_key_frames = None, 0
            for number, frame in enumerate(container.decode(stream)):
                if number >= order["max_decoded"] or number >= step * NUM_MARK_FRAMES:
                    return
                if frame.width * frame.height > order["max_pixels"]:
                    raise _Unreadable("a frame is larger than the file said: it is not looked at")
                first = first or (frame.width, frame.height)
                is_extra = number % step and frame.key_frame and num_key_frames < NUM_KEY_FRAMES
                num_key_frames += bool(is_extra)
                if (number % step == 0 or is_extra) and (frame.width, frame.height) == first:
                    yield frame
    except FFmpegError as error:
        raise _Unreadable(f"the file is no video that can be decoded: {error.strerror}") from error


def _num_frames(container: Any, stream: Any, most: int) -> int:
    """As the file says it, or what its length and rate give."""
    if stream.frames:
        return min(int(stream.frames), most)
    length_s = (container.duration or 0) / 1_000_000
    return min(int(length_s * float(stream.average_rate or 0)) or NUM_MARK_FRAMES, most)


def _scaled(frame: Any, max_short_px: int) -> Any:
    """An RGB array of the frame, its short side at most that many pixels."""
    scale = min(1.0, max_short_px / min(frame.width, frame.height))
    width_px, height_px = (max(2, round(side * scale)) for side in (frame.width, frame.height))
    return frame.reformat(width=width_px, height=height_px, format="rgb24").to_ndarray()


if __name__ == "__main__":
    sys.exit(main())
