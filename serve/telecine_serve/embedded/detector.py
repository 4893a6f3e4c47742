"""Reads a clip back: which colour, shape, motion and background does it show?

Written without any training, so that it cannot have learned the model's faults. Invariant: it is
right on at least 99 % of rendered clips (tests hold it to that), so what it says about generated
ones is about the model. Dims: T frames, H height, W width, C colour channels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from telecine_serve.embedded.render import BACKGROUNDS, COLOURS, coverage
from telecine_serve.embedded.scenes import SIZE_PX, Background, Colour, Motion, Path, Shape

_BORDER_PX = 2
_FOREGROUND = 60.0
"""Distance in RGB from the background beyond which a pixel is of a thing for sure."""
_MIN_AREA_PX = 12.0
_MIN_TRAVEL_PX = 7.0
"""Half of the slowest motion."""
_MIN_GROWTH = 1.2
"""Between the slowest growth, 1.43, and none."""


Name = TypeVar("Name")


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenThing:
    colour: Colour
    shape: Shape
    motion: Motion


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenScene:
    background: Background
    things: tuple[SeenThing | None, ...]
    """From left to right; None where there is nothing to see."""


def read_scene(frames_THWC: np.ndarray, num_things: int) -> SeenScene:
    """What `frames_THWC` (uint8 RGB) shows; of two, one is in each half."""
    pixels_THWC = frames_THWC.astype(np.float64)
    background_C = np.median(_border(pixels_THWC), axis=0)
    columns = np.array_split(np.arange(SIZE_PX), num_things)
    return SeenScene(
        background=_nearest(background_C, BACKGROUNDS),
        things=tuple(_read_thing(pixels_THWC, background_C, column) for column in columns),
    )


def _border(pixels_THWC: np.ndarray) -> np.ndarray:
    """Pixels along the four sides, as NC."""
    is_border_HW = np.ones((SIZE_PX, SIZE_PX), dtype=bool)
    is_border_HW[_BORDER_PX:-_BORDER_PX, _BORDER_PX:-_BORDER_PX] = False
    pixels: np.ndarray = pixels_THWC[:, is_border_HW].reshape(-1, 3)
    return pixels


def _read_thing(
    pixels_THWC: np.ndarray, background_C: np.ndarray, columns: np.ndarray
) -> SeenThing | None:
    distance_THW = np.linalg.norm(pixels_THWC - background_C, axis=-1)
    is_here_W = np.isin(np.arange(SIZE_PX), columns)
    is_thing_THW = (distance_THW > _FOREGROUND) & is_here_W
    if is_thing_THW.sum(axis=(1, 2)).min() < _MIN_AREA_PX:
        return None
    # The inner pixels, because edges are mixed with the background.
    is_core_THW = is_thing_THW & (distance_THW >= np.median(distance_THW[is_thing_THW]))
    colour_C = np.median(pixels_THWC[is_core_THW], axis=0)
    towards_C = colour_C - background_C
    cover_THW = (pixels_THWC - background_C) @ towards_C / (towards_C @ towards_C)
    cover_THW = np.clip(cover_THW, 0, 1) * (distance_THW > _FOREGROUND / 2) * is_here_W
    path, area_T = _track(cover_THW)
    return SeenThing(
        colour=_nearest(colour_C, COLOURS),
        shape=_best_shape(cover_THW, path, area_T),
        motion=motion_from_path(path),
    )


def _nearest(colour_C: np.ndarray, palette: Mapping[Name, tuple[int, int, int]]) -> Name:
    return min(palette, key=lambda name: float(np.linalg.norm(colour_C - palette[name])))


def _track(cover_THW: np.ndarray) -> tuple[Path, np.ndarray]:
    """Centre of mass, the radius of a disc as large, and the area, frame by frame."""
    centres = np.arange(SIZE_PX) + 0.5
    area_T = cover_THW.sum(axis=(1, 2))
    x_T = (cover_THW.sum(axis=1) @ centres) / area_T
    y_T = (cover_THW.sum(axis=2) @ centres) / area_T
    return Path(x_T=x_T, y_T=y_T, radius_T=np.sqrt(area_T / np.pi)), area_T


def _best_shape(cover_THW: np.ndarray, path: Path, area_T: np.ndarray) -> Shape:
    """The shape whose picture, put there with the same area, overlaps best over the clip."""
    overlap = {}
    for shape in Shape:
        radius_T = np.sqrt(area_T / _AREA_OVER_RADIUS_SQUARED[shape])
        fitted_THW = coverage(shape, Path(x_T=path.x_T, y_T=path.y_T, radius_T=radius_T))
        both = np.minimum(cover_THW, fitted_THW).sum()
        overlap[shape] = both / np.maximum(cover_THW, fitted_THW).sum()
    return max(overlap, key=lambda shape: float(overlap[shape]))


def motion_from_path(path: Path) -> Motion:
    """Growth before travel: a thing that grows hardly moves."""
    growth = path.radius_T[-1] / path.radius_T[0]
    if growth > _MIN_GROWTH:
        return Motion.GROWS
    if growth < 1 / _MIN_GROWTH:
        return Motion.SHRINKS
    right_px = path.x_T[-1] - path.x_T[0]
    down_px = path.y_T[-1] - path.y_T[0]
    if max(abs(right_px), abs(down_px)) > _MIN_TRAVEL_PX:
        if abs(right_px) > abs(down_px):
            return Motion.RIGHT if right_px > 0 else Motion.LEFT
        return Motion.DOWN if down_px > 0 else Motion.UP
    middle = len(path.y_T) // 2
    risen_px = (path.y_T[0] + path.y_T[-1]) / 2 - path.y_T[middle]
    return Motion.BOUNCES if risen_px > _MIN_TRAVEL_PX else Motion.STILL


def _area_over_radius_squared(shape: Shape) -> float:
    radius_px = SIZE_PX / 2 - 1
    centre = np.array([SIZE_PX / 2])
    path = Path(x_T=centre, y_T=centre, radius_T=np.array([radius_px]))
    return float(coverage(shape, path).sum()) / radius_px**2


_AREA_OVER_RADIUS_SQUARED = {shape: _area_over_radius_squared(shape) for shape in Shape}
