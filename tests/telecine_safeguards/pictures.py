"""Deterministic test pictures by formula: a name, a size and a seed always give the same pixels.

Needs numpy only, because the golden hashes are made in an environment without Telecine.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]


def picture(formula: str, height_px: int, width_px: int, seed: int) -> Picture:
    """Draw the picture called `formula`, height x width x RGB."""
    return FORMULAS[formula](height_px, width_px, seed)


def waves(height_px: int, width_px: int, seed: int) -> Picture:
    """A sum of tilted colour waves: smooth gradients everywhere."""
    random = np.random.default_rng(seed)
    y, x = _grid(height_px, width_px)
    total = np.zeros((height_px, width_px, 3))
    for _ in range(12):
        turns_y, turns_x = random.uniform(-4, 4, size=2)
        phase = random.uniform(0, 2 * np.pi, size=3)
        total += np.sin(2 * np.pi * (turns_y * y + turns_x * x)[..., np.newaxis] + phase)
    return _to_uint8(total)


def shapes(height_px: int, width_px: int, seed: int) -> Picture:
    """Coloured ellipses and boxes over a slope: hard edges."""
    random = np.random.default_rng(seed)
    y, x = _grid(height_px, width_px)
    canvas = np.stack([x, y, (x + y) / 2], axis=-1)
    for number in range(14):
        centre_y, centre_x = random.uniform(0.1, 0.9, size=2)
        half_y, half_x = random.uniform(0.05, 0.25, size=2)
        dy, dx = np.abs(y - centre_y) / half_y, np.abs(x - centre_x) / half_x
        inside = (dy**2 + dx**2 < 1) if number % 2 else (np.maximum(dy, dx) < 1)
        canvas[inside] = random.uniform(0, 1, size=3)
    return _to_uint8(canvas)


def blurred_noise(height_px: int, width_px: int, seed: int) -> Picture:
    """Random cells, linearly interpolated: clouds."""
    random = np.random.default_rng(seed)
    cells = random.uniform(0, 1, size=(13, 17, 3))
    rows = np.linspace(0, 12, height_px)
    columns = np.linspace(0, 16, width_px)
    top, left = np.minimum(rows.astype(int), 11), np.minimum(columns.astype(int), 15)
    down = (rows - top)[:, np.newaxis, np.newaxis]
    right = (columns - left)[np.newaxis, :, np.newaxis]
    upper = cells[top][:, left] * (1 - right) + cells[top][:, left + 1] * right
    lower = cells[top + 1][:, left] * (1 - right) + cells[top + 1][:, left + 1] * right
    return _to_uint8(upper * (1 - down) + lower * down)


def uniform(height_px: int, width_px: int, seed: int) -> Picture:
    """One flat grey."""
    return np.full((height_px, width_px, 3), seed % 256, np.uint8)


FORMULAS: dict[str, Callable[[int, int, int], Picture]] = {
    "waves": waves,
    "shapes": shapes,
    "blurred_noise": blurred_noise,
    "uniform": uniform,
}


def _grid(height_px: int, width_px: int) -> tuple[npt.NDArray[np.float64], ...]:
    y, x = np.meshgrid(np.linspace(0, 1, height_px), np.linspace(0, 1, width_px), indexing="ij")
    return y, x


def _to_uint8(values: npt.NDArray[np.float64]) -> Picture:
    scaled = (values - values.min()) / (values.max() - values.min())
    # The reference reads memory in row order, whatever the strides say.
    return np.ascontiguousarray((scaled * 255).round().astype(np.uint8))
