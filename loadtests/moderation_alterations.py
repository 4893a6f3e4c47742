"""What copyists do to a clip: every alteration that moderation is measured against, as a function.

Each takes frames and a generator of random numbers, and gives the frames that somebody uploads; all
but `crf35` are encoded to H.264 at crf 23 afterwards. A crop of 10 % keeps 90 % of each side, at a
random place. A rotation keeps the frame's size: the corners are black (`rotate`), or the picture is
cut so that none show (`rotate_filled`).
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Final

import av
import cv2
import numpy as np

from loadtests.natural_clips import FPS, Frames

Alter = Callable[[Frames, np.random.Generator], Frames]
CRF: Final = 23
HARD_CRF: Final = 35


def crop(share: float) -> Alter:
    def alter(frames_THWC: Frames, random: np.random.Generator) -> Frames:
        _, height_px, width_px, _ = frames_THWC.shape
        rows, columns = round(height_px * (1 - share)), round(width_px * (1 - share))
        top = int(random.integers(0, height_px - rows + 1))
        left = int(random.integers(0, width_px - columns + 1))
        return frames_THWC[:, top : top + rows, left : left + columns]

    return alter


def rotate(angle_deg: float, *, is_filled: bool = False) -> Alter:
    def alter(frames_THWC: Frames, random: np.random.Generator) -> Frames:
        _, height_px, width_px, _ = frames_THWC.shape
        turned_deg = angle_deg * float(random.choice([-1, 1]))
        angle = np.deg2rad(angle_deg)
        widest = max(width_px / height_px, height_px / width_px)
        zoom = np.cos(angle) + widest * np.sin(angle) if is_filled else 1.0
        matrix = cv2.getRotationMatrix2D((width_px / 2, height_px / 2), turned_deg, zoom)
        return _each(
            frames_THWC, lambda frame: cv2.warpAffine(frame, matrix, (width_px, height_px))
        )

    return alter


def mirror(frames_THWC: Frames, _: np.random.Generator) -> Frames:
    return frames_THWC[:, :, ::-1]


def letterbox(frames_THWC: Frames, random: np.random.Generator) -> Frames:
    bar_px = round(frames_THWC.shape[1] * random.uniform(0.1, 0.2))
    return np.pad(frames_THWC, ((0, 0), (bar_px, bar_px), (0, 0), (0, 0)))


def caption_bar(frames_THWC: Frames, random: np.random.Generator) -> Frames:
    """A white bar with black words over the lower fifth of the picture."""
    _, height_px, width_px, _ = frames_THWC.shape
    altered = frames_THWC.copy()
    top = round(height_px * 0.8)
    altered[:, top:] = 245
    bar = altered[0].copy()
    words = "WHEN THE WEEKEND STARTS"[: int(random.integers(10, 24))]
    cv2.putText(
        bar, words, (width_px // 10, round(height_px * 0.93)), cv2.FONT_HERSHEY_SIMPLEX,
        height_px / 360, (20, 20, 20), 2,
    )  # fmt: skip
    altered[:, top:] = bar[top:]
    return altered


def logo(frames_THWC: Frames, random: np.random.Generator) -> Frames:
    """A filled disc with a ring in one corner, a fifth of the height."""
    _, height_px, width_px, _ = frames_THWC.shape
    radius_px = height_px // 10
    x = int(random.choice([radius_px + 8, width_px - radius_px - 8]))
    y = int(random.choice([radius_px + 8, height_px - radius_px - 8]))
    colour = tuple(int(value) for value in random.integers(0, 256, 3))

    def draw(frame: Frames) -> Frames:
        drawn = cv2.circle(frame.copy(), (x, y), radius_px, colour, -1)
        return np.asarray(cv2.circle(drawn, (x, y), radius_px - 4, (255, 255, 255), 3), np.uint8)

    return _each(frames_THWC, draw)


def speed(factor: float) -> Alter:
    def alter(frames_THWC: Frames, _: np.random.Generator) -> Frames:
        count = round(len(frames_THWC) / factor)
        numbers = np.minimum((np.arange(count) * factor).astype(int), len(frames_THWC) - 1)
        return np.asarray(frames_THWC[numbers], np.uint8)

    return alter


def sub_clip(frames_THWC: Frames, random: np.random.Generator) -> Frames:
    """Two fifths of the clip, from anywhere."""
    count = max(1, len(frames_THWC) * 2 // 5)
    start = int(random.integers(0, len(frames_THWC) - count + 1))
    return frames_THWC[start : start + count]


def smaller(frames_THWC: Frames, _: np.random.Generator) -> Frames:
    """The step from 1080p to 360p: a third of each side."""
    _, height_px, width_px, _ = frames_THWC.shape
    size = (width_px // 3, height_px // 3)
    return _each(frames_THWC, lambda frame: cv2.resize(frame, size, interpolation=cv2.INTER_AREA))


def together(frames_THWC: Frames, random: np.random.Generator) -> Frames:
    """A mirrored 10 % crop in a letterbox at double loss: what a careful copyist uploads."""
    return letterbox(mirror(crop(0.10)(frames_THWC, random), random), random)


def same(frames_THWC: Frames, _: np.random.Generator) -> Frames:
    return frames_THWC


ALTERATIONS: Final[dict[str, Alter]] = {
    "none": same,
    "crop 5 %": crop(0.05),
    "crop 10 %": crop(0.10),
    "crop 15 %": crop(0.15),
    "crop 20 %": crop(0.20),
    "rotate 2": rotate(2),
    "rotate 5": rotate(5),
    "rotate 10": rotate(10),
    "rotate 5, filled": rotate(5, is_filled=True),
    "rotate 10, filled": rotate(10, is_filled=True),
    "mirror": mirror,
    "letterbox": letterbox,
    "caption bar": caption_bar,
    "logo": logo,
    "speed 0.8": speed(0.8),
    "speed 1.25": speed(1.25),
    "crf 35": same,
    "a third of the size (360p)": smaller,
    "sub-clip": sub_clip,
    "mirror, crop 10 %, letterbox": together,
}


def altered(name: str, frames_THWC: Frames, random: np.random.Generator) -> Frames:
    """Alter, encode to H.264 and decode: the frames that moderation or a lookup would see."""
    frames = ALTERATIONS[name](frames_THWC, random)
    return _encoded(frames, HARD_CRF if name == "crf 35" else CRF)


def _encoded(frames_THWC: Frames, crf: int) -> Frames:
    height_px, width_px = (side // 2 * 2 for side in frames_THWC.shape[1:3])
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        options = {"crf": str(crf), "preset": "veryfast", "threads": "1"}
        stream = container.add_stream("libx264", rate=FPS, options=options)
        stream.width, stream.height, stream.pix_fmt = width_px, height_px, "yuv420p"
        for frame in frames_THWC[:, :height_px, :width_px]:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), "rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    file.seek(0)
    with av.open(file, "r") as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def _each(frames_THWC: Frames, change: Callable[[Frames], Frames]) -> Frames:
    return np.stack([change(frame) for frame in frames_THWC])
