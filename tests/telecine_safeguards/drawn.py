"""Pictures that the models find something in, drawn by code: a face, and a written word."""

from __future__ import annotations

import cv2
import numpy as np

from tests.telecine_safeguards.pictures import Picture

_Blob = tuple[float, float, float, float, tuple[int, int, int], float]
_FACE: tuple[_Blob, ...] = (
    (0, -0.05, 0.3, 0.38, (60, 40, 30), 0.15),  # hair
    (0, 0.03, 0.25, 0.33, (224, 172, 140), 0.12),  # skin
    *(
        (side * 0.11, *eye)  # socket, white, pupil, brow
        for side in (-1, 1)
        for eye in (
            (-0.03, 0.075, 0.05, (170, 120, 95), 0.6),
            (-0.02, 0.05, 0.022, (240, 240, 240), 0.2),
            (-0.02, 0.022, 0.022, (40, 25, 20), 0.3),
            (-0.075, 0.075, 0.014, (60, 40, 30), 0.4),
        )
    ),
    (0, 0.07, 0.03, 0.1, (210, 157, 127), 0.9),  # nose
    (0, 0.11, 0.05, 0.022, (170, 120, 95), 0.7),
    (0, 0.2, 0.09, 0.02, (150, 60, 60), 0.4),  # mouth
)


def face(side_px: int) -> Picture:
    """A frontal face that dlib's detector takes for one; nobody's."""
    picture = np.full((side_px, side_px, 3), (70, 80, 90), np.float32)
    y, x = np.mgrid[0:side_px, 0:side_px].astype(np.float32) / side_px - 0.5
    for centre_x, centre_y, half_x, half_y, colour, softness in _FACE:
        reach = np.hypot((x - centre_x) / half_x, (y - centre_y) / half_y)
        alpha = np.clip((1 - reach) / softness, 0, 1)[..., np.newaxis]
        picture = picture * (1 - alpha) + np.array(colour, np.float32) * alpha
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), side_px / 200), np.uint8)


def written(word: str, height_px: int, width_px: int) -> Picture:
    """The word in red letters on grey, as wide as the picture allows."""
    picture = np.full((height_px, width_px, 3), 90, np.uint8)
    (width, _), _ = cv2.getTextSize(word, cv2.FONT_HERSHEY_SIMPLEX, 1, 3)
    scale = 0.8 * width_px / width
    cv2.putText(
        picture, word, (width_px // 10, height_px * 6 // 10), cv2.FONT_HERSHEY_SIMPLEX,
        scale, (230, 30, 30), max(1, round(2 * scale)),
    )  # fmt: skip
    return picture
