"""Clips that look like filmed scenes, made by code: textured ground and sky, shaded things that
move, a camera that pans and zooms, and sometimes a cut.

Deterministic: the seed is the clip. No outside media; whoever doubts the realism is right to: it is
the statistics of pictures (1/f textures, hard edges, shading) that fingerprints depend on.

Legend: T frames, H height_px, W width_px, C colours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

Frames = npt.NDArray[np.uint8]
_Picture = npt.NDArray[np.float32]

FPS: Final = 12
_CANVAS_SHARE: Final = 1.5
"""The world is larger than the picture, so that the camera can move."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Thing:
    """A shaded, textured blob on a path through the picture."""

    picture_HWC: _Picture
    alpha_HW1: _Picture
    centre: tuple[float, float]
    swing: tuple[float, float]
    turns_per_s: float
    phase: float


def natural_clip(
    seed: int, *, seconds: float = 5.0, size_px: tuple[int, int] = (270, 480), fps: int = FPS
) -> Frames:
    """Film one scene, or two with a cut for every third seed. `size_px` is height, width."""
    num_frames = max(1, round(seconds * fps))
    times_s = np.arange(num_frames) / fps
    cut = num_frames // 2 if seed % 3 == 0 else num_frames
    scenes = [(seed, times_s[:cut]), (seed + 1_000_000, times_s[cut:])]
    return np.stack([frame for each, when in scenes for frame in _scene(each, when, size_px)])


def _scene(
    seed: int, times_s: npt.NDArray[np.float64], size_px: tuple[int, int]
) -> list[npt.NDArray[np.uint8]]:
    random = np.random.default_rng(seed)
    height_px, width_px = size_px
    world = _world(random, int(height_px * _CANVAS_SHARE), int(width_px * _CANVAS_SHARE))
    things = [_thing(random, height_px) for _ in range(int(random.integers(3, 9)))]
    pan = random.uniform(-0.03, 0.03, size=2)
    zoom_per_s = random.uniform(-0.02, 0.03)
    return [_film(world, things, pan, zoom_per_s, float(time_s), size_px) for time_s in times_s]


def _world(random: np.random.Generator, height_px: int, width_px: int) -> _Picture:
    """Sky over ground, both with 1/f texture, in colours of their own."""
    horizon = random.uniform(0.2, 0.8)
    y = np.linspace(0, 1, height_px, dtype=np.float32)[:, np.newaxis]
    skyline = horizon + random.uniform(0.02, 0.15) * (
        _pink(random, 1, width_px, random.uniform(1.2, 2.2)) - 0.5
    )
    is_ground = (y > skyline).astype(np.float32)[..., np.newaxis]
    colours = random.uniform(0.05, 0.95, size=(4, 3)).astype(np.float32)
    slope = np.clip(y / horizon, 0, 1)[..., np.newaxis]
    sky = colours[0] * (1 - slope) + colours[1] * slope
    depth = np.clip((y - horizon) / (1 - horizon), 0, 1)[..., np.newaxis]
    ground = colours[2] * (1 - depth) + colours[3] * depth
    clouds = _pink(random, height_px, width_px, random.uniform(1.6, 2.4))[..., np.newaxis]
    soil = _pink(random, height_px, width_px, random.uniform(0.8, 1.6))[..., np.newaxis]
    sky = sky + random.uniform(0.2, 0.8) * (clouds - 0.5)
    ground = ground + random.uniform(0.2, 0.9) * (soil - 0.5)
    world: _Picture = (sky * (1 - is_ground) + ground * is_ground).astype(np.float32)
    return world


def _pink(random: np.random.Generator, height: int, width: int, exponent: float) -> _Picture:
    """Noise whose amplitude falls with the frequency to that power, scaled to 0..1."""
    spectrum = np.fft.rfft2(random.normal(size=(height, width)))
    frequency = np.hypot(np.fft.fftfreq(height)[:, np.newaxis], np.fft.rfftfreq(width))
    frequency[0, 0] = 1
    noise = np.fft.irfft2(spectrum / frequency**exponent, s=(height, width))
    low, high = np.percentile(noise, (1, 99))
    scaled: _Picture = np.clip((noise - low) / (high - low + 1e-9), 0, 1).astype(np.float32)
    return scaled


def _thing(random: np.random.Generator, height_px: int) -> _Thing:
    side_px = int(height_px * random.uniform(0.15, 0.7))
    y, x = np.meshgrid(np.linspace(-1, 1, side_px), np.linspace(-1, 1, side_px), indexing="ij")
    angle = np.arctan2(y, x)
    outline = 0.7 + sum(
        random.uniform(0, 0.25) / order * np.cos(order * angle + random.uniform(0, 2 * np.pi))
        for order in range(2, 7)
    )
    reach = np.hypot(y, x) / np.clip(outline, 0.2, 1.0)
    light = random.uniform(-0.6, 0.6, size=2)
    shade = 1 - 0.7 * np.hypot(y - light[0], x - light[1]) / 1.6
    texture = 0.6 + 0.8 * (_pink(random, side_px, side_px, random.uniform(0.6, 1.8)) - 0.3)
    colour = random.uniform(0, 1, size=3)
    picture = np.clip(colour * (shade * texture)[..., np.newaxis], 0, 1).astype(np.float32)
    alpha = np.clip((1 - reach) * side_px / 4, 0, 1).astype(np.float32)[..., np.newaxis]
    return _Thing(
        picture_HWC=picture,
        alpha_HW1=alpha,
        centre=(random.uniform(0.1, 0.9), random.uniform(0.1, 0.9)),
        swing=(random.uniform(-0.12, 0.12), random.uniform(-0.2, 0.2)),
        turns_per_s=random.uniform(0.03, 0.2),
        phase=random.uniform(0, 2 * np.pi),
    )


def _film(
    world: _Picture,
    things: list[_Thing],
    pan: npt.NDArray[np.float64],
    zoom_per_s: float,
    time_s: float,
    size_px: tuple[int, int],
) -> npt.NDArray[np.uint8]:
    height_px, width_px = size_px
    share = (1 + zoom_per_s * time_s) / _CANVAS_SHARE
    shape = np.array(world.shape[:2])
    span = shape * share
    corner = np.clip((shape - span) / 2 + pan * time_s * shape, 0, shape - span)
    picture_from_world = np.array(
        [
            [width_px / span[1], 0, -corner[1] * width_px / span[1]],
            [0, height_px / span[0], -corner[0] * height_px / span[0]],
        ]
    )
    picture = cv2.warpAffine(
        world, picture_from_world, (width_px, height_px), flags=cv2.INTER_AREA,
        borderMode=cv2.BORDER_REFLECT,
    )  # fmt: skip
    for thing in things:
        swing = np.sin(2 * np.pi * thing.turns_per_s * time_s + thing.phase)
        _paint(
            picture, thing,
            int((thing.centre[0] + thing.swing[0] * swing) * height_px),
            int((thing.centre[1] + thing.swing[1] * swing) * width_px),
        )  # fmt: skip
    return np.asarray(np.round(np.clip(picture, 0, 1) * 255), np.uint8)


def _paint(picture: npt.NDArray[np.float32], thing: _Thing, centre_y: int, centre_x: int) -> None:
    side_px = len(thing.picture_HWC)
    top, left = centre_y - side_px // 2, centre_x - side_px // 2
    from_y, from_x = max(0, -top), max(0, -left)
    to_y = min(side_px, picture.shape[0] - top)
    to_x = min(side_px, picture.shape[1] - left)
    if to_y <= from_y or to_x <= from_x:
        return
    there = picture[top + from_y : top + to_y, left + from_x : left + to_x]
    alpha = thing.alpha_HW1[from_y:to_y, from_x:to_x]
    there[:] = there * (1 - alpha) + thing.picture_HWC[from_y:to_y, from_x:to_x] * alpha
