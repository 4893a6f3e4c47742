"""What happens to a clip on its way: recoding, resizing, cutting, turning, a photographed screen.

Every attack takes the frames of the released file and gives those of the attacked file, which was
encoded again with x264 in between. Legend: T frames, H height_px, W width_px, C colours.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import av
import cv2
import numpy as np
import numpy.typing as npt

Frames = npt.NDArray[np.uint8]


def recoded(frames_THWC: Frames, fps: int, crf: int) -> Frames:
    """Encode with x264 and decode again; odd sizes lose a row or a column."""
    even_THWC = frames_THWC[:, : frames_THWC.shape[1] // 2 * 2, : frames_THWC.shape[2] // 2 * 2]
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        options = {"crf": str(crf), "preset": "medium", "threads": "1"}
        stream = container.add_stream("libx264", rate=fps, options=options)
        stream.height, stream.width = even_THWC.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame_HWC in even_THWC:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame_HWC), "rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    file.seek(0)
    with av.open(file, "r") as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def resized(frames_THWC: Frames, height_px: int, width_px: int, method: int) -> Frames:
    size = (width_px, height_px)
    return np.stack([cv2.resize(each, size, interpolation=method) for each in frames_THWC])


def downscaled(frames_THWC: Frames) -> Frames:
    """To three quarters, as 480p to 360p."""
    _, height_px, width_px, _ = frames_THWC.shape
    return resized(frames_THWC, height_px * 3 // 4, width_px * 3 // 4, cv2.INTER_AREA)


def cut(frames_THWC: Frames, share: float) -> Frames:
    """Cut that share of the height and the width away, more of it above and to the left."""
    _, height_px, width_px, _ = frames_THWC.shape
    rows, columns = round(height_px * share), round(width_px * share)
    top, left = round(rows * 0.7), round(columns * 0.6)
    return frames_THWC[:, top : height_px - rows + top, left : width_px - columns + left]


def turned(frames_THWC: Frames, degrees: float) -> Frames:
    """Turned about the middle, black corners."""
    _, height_px, width_px, _ = frames_THWC.shape
    matrix = cv2.getRotationMatrix2D((width_px / 2, height_px / 2), degrees, 1.0)
    return np.stack(
        [
            cv2.warpAffine(each, matrix, (width_px, height_px), flags=cv2.INTER_LINEAR)
            for each in frames_THWC
        ]
    )


def screenshot(frames_THWC: Frames) -> Frames:
    """Shown at another size, cut by hand, brighter and flatter, as a screen recorder has it."""
    _, height_px, width_px, _ = frames_THWC.shape
    shown = resized(frames_THWC, round(height_px * 1.13), round(width_px * 1.14), cv2.INTER_LINEAR)
    part = cut(shown, 0.06)
    small = resized(part, round(height_px * 0.83), round(width_px * 0.83), cv2.INTER_LINEAR).astype(
        np.float32
    )
    recorded: Frames = np.clip(255 * (small / 255) ** 0.9 * 0.93 + 9, 0, 255).astype(np.uint8)
    return recorded


def faster(frames_THWC: Frames) -> Frames:
    """Two of three frames, as from 24 to 16 a second."""
    kept_THWC: Frames = frames_THWC[np.arange(len(frames_THWC)) % 3 != 2]
    return kept_THWC


ATTACKS: dict[str, Callable[[Frames, int], Frames]] = {
    "none (the released file; a remux is the same)": lambda frames, _fps: frames,
    "crf 23": lambda frames, fps: recoded(frames, fps, 23),
    "crf 28": lambda frames, fps: recoded(frames, fps, 28),
    "crf 35": lambda frames, fps: recoded(frames, fps, 35),
    "3/4 size (480p to 360p), crf 23": lambda frames, fps: recoded(downscaled(frames), fps, 23),
    "frame rate x 2/3, crf 23": lambda frames, fps: recoded(faster(frames), fps * 2 // 3, 23),
    "cut 10 %, crf 23": lambda frames, fps: recoded(cut(frames, 0.1), fps, 23),
    "turned 3 degrees, crf 23": lambda frames, fps: recoded(turned(frames, 3.0), fps, 23),
    "screenshot-like, crf 28": lambda frames, fps: recoded(screenshot(frames), fps, 28),
}
"""Those of the issue: encoders first, then geometry."""
GEOMETRIC: tuple[str, ...] = (
    "cut 10 %, crf 23",
    "turned 3 degrees, crf 23",
    "screenshot-like, crf 28",
)
OWN_ATTACKS: dict[str, Callable[[Frames, int], Frames]] = {
    "cut 20 %, crf 28": lambda frames, fps: recoded(cut(frames, 0.2), fps, 28),
    "mirrored, crf 23": lambda frames, fps: recoded(frames[:, :, ::-1], fps, 23),
}
"""Two more."""
