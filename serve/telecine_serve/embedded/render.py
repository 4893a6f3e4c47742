"""From a scene to pixels, antialiased, in numpy: the only source of the training clips.

Dims: T frames, H height, W width, C colour channels (3). Edges come from signed distances in
pixels: https://iquilezles.org/articles/distfunctions2d explains the method.
"""

from __future__ import annotations

import numpy as np

from telecine_serve.embedded.scenes import (
    NUM_FRAMES,
    SIZE_PX,
    Background,
    Colour,
    Path,
    Scene,
    Shape,
)

COLOURS: dict[Colour, tuple[int, int, int]] = {
    Colour.RED: (225, 25, 35),
    Colour.ORANGE: (255, 140, 0),
    Colour.YELLOW: (255, 235, 40),
    Colour.GREEN: (40, 205, 60),
    Colour.BLUE: (40, 90, 255),
    Colour.PURPLE: (160, 50, 210),
    Colour.CYAN: (50, 220, 235),
    Colour.WHITE: (250, 250, 250),
}
BACKGROUNDS: dict[Background, tuple[int, int, int]] = {
    Background.BLACK: (10, 10, 10),
    Background.GRAY: (125, 125, 125),
    Background.WHITE: (250, 250, 250),
    Background.BLUE: (20, 30, 110),
    Background.GREEN: (10, 80, 40),
    Background.BROWN: (105, 60, 30),
}
"""Darker than the things of the same name."""

_RING_HOLE = 0.5
_STAR_WAIST = 0.42
_SQUARE_SIDE = 0.8
"""Half a side over the radius; a little more than the square inside the circle, to look as big."""


def render(scene: Scene, paths: tuple[Path, ...]) -> np.ndarray:
    """`frames_THWC` in uint8 RGB."""
    frames_THWC = np.empty((NUM_FRAMES, SIZE_PX, SIZE_PX, 3))
    frames_THWC[:] = BACKGROUNDS[scene.background]
    for thing, path in zip(scene.things, paths, strict=True):
        cover_THW1 = coverage(thing.shape, path)[..., None]
        colour_C = np.array(COLOURS[thing.colour])
        frames_THWC = frames_THWC * (1 - cover_THW1) + colour_C * cover_THW1
    return np.round(frames_THWC).astype(np.uint8)


def coverage(shape: Shape, path: Path) -> np.ndarray:
    """How much of each pixel the shape covers, 0 to 1, as THW with T as long as the path."""
    centres = np.arange(SIZE_PX) + 0.5
    x_THW = centres[None, None, :] - path.x_T[:, None, None]
    y_THW = centres[None, :, None] - path.y_T[:, None, None]
    distance_THW = _signed_distance(shape, x_THW, y_THW, path.radius_T[:, None, None])
    cover_THW: np.ndarray = np.clip(0.5 - distance_THW, 0, 1)
    return cover_THW


def _signed_distance(shape: Shape, x: np.ndarray, y: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Negative inside."""
    match shape:
        case Shape.CIRCLE:
            distance: np.ndarray = np.hypot(x, y) - radius
        case Shape.RING:
            distance = np.maximum(np.hypot(x, y) - radius, _RING_HOLE * radius - np.hypot(x, y))
        case Shape.SQUARE:
            distance = np.maximum(np.abs(x), np.abs(y)) - _SQUARE_SIDE * radius
        case Shape.TRIANGLE:
            distance = _polygon(x, y, radius, np.array([1.0, 1.0, 1.0]))
        case Shape.STAR:
            distance = _polygon(x, y, radius, np.array([1.0, _STAR_WAIST] * 5))
    return distance


def _polygon(x: np.ndarray, y: np.ndarray, radius: np.ndarray, spokes: np.ndarray) -> np.ndarray:
    """A polygon round the centre, a corner on each spoke (lengths over the radius), first one up.

    Distance to the line of the edge in the pixel's sector: exact at edges, which is all that
    antialiasing needs.
    """
    num = len(spokes)
    angles = np.arange(num + 1) * 2 * np.pi / num
    corner_x, corner_y = np.append(spokes, spokes[0]) * (np.sin(angles), -np.cos(angles))
    sector = (np.arctan2(x, -y) % (2 * np.pi) // (2 * np.pi / num)).astype(int) % num
    edge_x, edge_y = np.diff(corner_x)[sector], np.diff(corner_y)[sector]
    from_x = x - radius * corner_x[sector]
    from_y = y - radius * corner_y[sector]
    across: np.ndarray = (from_x * edge_y - from_y * edge_x) / np.hypot(edge_x, edge_y)
    return across
