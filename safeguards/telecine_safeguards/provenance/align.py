"""Finds how a marked picture was scaled, turned, mirrored and moved, by the template.

First blindly: for every size and angle of the tile, how loud are the 64 places of the spectrum
where the template would be? That needs no phases, so it does not matter where the picture was cut.
Then the best few are tried with phases: the shift between picture and pattern is the peak of a
cyclic correlation over one tile, and sizes, angle and shift are improved until the peak is highest.

Legend: K carriers, 2 the pair (x, y), N candidates.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from telecine_safeguards.provenance.carriers import Carriers
from telecine_safeguards.provenance.embed import tile_px
from telecine_safeguards.provenance.luma import Picture
from telecine_safeguards.provenance.waves import (
    MAX_FREQUENCY,
    Complexes,
    Floats,
    Noise,
    block_centres,
    waves_in,
    waves_in_blocks,
)

_SMALLEST_TILE: Final = 0.16
_LARGEST_TILE: Final = 1.25
"""Shares of the short side: a cut picture has fewer tiles, a letterboxed one more."""
_SIZE_STEP: Final = 0.004
_MAX_ANGLE_DEG: Final = 6.0
_ANGLE_STEP_DEG: Final = 0.25
_MAX_LOUDNESS: Final = 8.0
"""So that one loud stripe of the picture is not taken for a template."""
NUM_ALIGNMENTS: Final = 6
_GRID: Final = 128
"""Places of the shift that are compared, along a tile's side."""
_NUM_HALVINGS: Final = 5
_MAX_CLIMB: Final = 3
"""Steps in one direction: beyond them the blocks' phases would no longer be right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """Where the pattern lies in a picture."""

    tile_width_px: float
    tile_height_px: float
    angle_deg: float
    is_mirrored: bool = False
    shift: tuple[float, float] = (0.0, 0.0)
    """Of the pattern against the picture's middle, in tiles."""
    score: float = 0.0
    """Height of the correlation peak over its standard deviation without a mark; at most 11.3."""

    def frequencies(self, waves_K2: npt.NDArray[np.int64]) -> Floats:
        """Cycles per pixel of the picture."""
        turn = np.deg2rad(self.angle_deg)
        x = waves_K2[:, 0] / self.tile_width_px * (-1 if self.is_mirrored else 1)
        y = waves_K2[:, 1] / self.tile_height_px
        return np.stack(
            [x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)], axis=-1
        )

    def waves(
        self, residual_HW: Picture, waves_K2: npt.NDArray[np.int64], phases_K: Floats
    ) -> Complexes:
        """The pattern's waves there, turned back by their phases: where it is, they are positive.

        K, or TK for many residuals THW.
        """
        moved_K = phases_K + 2 * np.pi * waves_K2 @ np.array(self.shift)
        waves_K: Complexes = waves_in(residual_HW, self.frequencies(waves_K2)) * np.exp(
            -1j * moved_K
        ).astype(np.complex64)
        return waves_K


def alignments(
    residual_HW: Picture, noise: Noise, carriers: Carriers, *, is_mirrored: bool
) -> list[Alignment]:
    """The untouched or resized picture's alignment and the likeliest others, best first."""
    short_px = min(residual_HW.shape)
    side_px = tile_px(*residual_HW.shape)
    whole = Alignment(
        tile_width_px=side_px, tile_height_px=side_px, angle_deg=0.0, is_mirrored=is_mirrored
    )
    starts = [whole, *_candidates(noise, carriers, short_px, is_mirrored)]
    found = [_improved(residual_HW, noise, carriers, start) for start in starts]
    # Where little is left of the template, the climb follows the noise away from what is true.
    found.append(_Template(residual_HW, noise, carriers, whole).shifted(whole))
    return sorted(found, key=lambda each: each.score, reverse=True)


def _candidates(
    noise: Noise, carriers: Carriers, short_px: int, is_mirrored: bool
) -> list[Alignment]:
    """Sizes and angles at which the template's places are loudest, none beside another."""
    sizes_px = short_px * np.exp(
        np.arange(np.log(_SMALLEST_TILE), np.log(_LARGEST_TILE), _SIZE_STEP)
    )
    angles_deg = np.arange(-_MAX_ANGLE_DEG, _MAX_ANGLE_DEG + 0.01, _ANGLE_STEP_DEG)
    scores = np.stack(
        [
            _blind_scores(noise, carriers, sizes_px, float(angle), is_mirrored)
            for angle in angles_deg
        ]
    )
    found = []
    for _ in range(NUM_ALIGNMENTS - 2):
        row, column = np.unravel_index(np.argmax(scores), scores.shape)
        size_px = float(sizes_px[column])
        found.append(
            Alignment(
                tile_width_px=size_px,
                tile_height_px=size_px,
                angle_deg=float(angles_deg[row]),
                is_mirrored=is_mirrored,
            )
        )
        scores[max(0, row - 2) : row + 3, max(0, column - 2) : column + 3] = -np.inf
    return found


def _blind_scores(
    noise: Noise, carriers: Carriers, sizes_px: Floats, angle_deg: float, is_mirrored: bool
) -> Floats:
    """How far the template's places are louder than average, in standard deviations: N."""
    unit = Alignment(
        tile_width_px=1.0, tile_height_px=1.0, angle_deg=angle_deg, is_mirrored=is_mirrored
    )
    frequencies = unit.frequencies(carriers.template_K2) / sizes_px[:, np.newaxis, np.newaxis]
    is_there = np.abs(frequencies).max(axis=-1) < MAX_FREQUENCY
    loudness = np.minimum(noise.loudness(np.clip(frequencies, -0.5, 0.5)), _MAX_LOUDNESS)
    counts = is_there.sum(axis=-1)
    scores: Floats = ((loudness - 1) * is_there).sum(axis=-1) / np.sqrt(np.maximum(counts, 16))
    return scores


def _improved(
    residual_HW: Picture, noise: Noise, carriers: Carriers, start: Alignment
) -> Alignment:
    """Climb to the sizes, angle and shift with the highest correlation peak near `start`."""
    template = _Template(residual_HW, noise, carriers, start)
    best = start
    size_step, angle_step = _SIZE_STEP, _ANGLE_STEP_DEG
    for _ in range(_NUM_HALVINGS):
        best = template.shifted(best)
        for change in _changes(size_step, angle_step):
            best = template.climbed(best, *change)
        size_step, angle_step = size_step / 2, angle_step / 2
    return best


def _changes(size_step: float, angle_step: float) -> list[tuple[float, float, float]]:
    """Factors of width and height and a turn in degrees; the opposite is tried too."""
    return [
        (1 + size_step, 1 + size_step, 0.0),
        (1.0, 1.0, angle_step),
        (1 + size_step, 1.0, 0.0),
        (1.0, 1 + size_step, 0.0),
    ]


class _Template:
    """The template's waves in each block of a residual, turned to any alignment near the first."""

    def __init__(
        self, residual_HW: Picture, noise: Noise, carriers: Carriers, start: Alignment
    ) -> None:
        self._carriers = carriers
        self._base_K2 = start.frequencies(carriers.template_K2)
        blocks = waves_in_blocks(residual_HW, self._base_K2)
        weights_K = np.sqrt(noise.weights(self._base_K2))
        phases_K = np.exp(-1j * carriers.template_phases_K)
        self._blocks = (blocks * (weights_K * phases_K)).astype(np.complex64)
        self._down_px = block_centres(residual_HW.shape[0])
        self._along_px = block_centres(residual_HW.shape[1])

    def climbed(self, best: Alignment, width: float, height: float, turn_deg: float) -> Alignment:
        """Go a few steps in one direction, or else in the other, as long as they lead upwards."""
        for sign in (1, -1):
            start = best
            for _ in range(_MAX_CLIMB):
                moved = _moved(best, width, height, turn_deg, sign)
                found = self._near(moved, self._waves(moved))
                if found.score <= best.score:
                    break
                best = found
            if best is not start:
                break
        return best

    def shifted(self, alignment: Alignment) -> Alignment:
        """The same sizes and angle with the best of all shifts and its score."""
        waves_K = self._waves(alignment)
        tile = np.zeros((_GRID, _GRID), np.complex64)
        tile[self._carriers.template_K2[:, 1], self._carriers.template_K2[:, 0]] = waves_K
        heights = np.fft.fft2(tile).real
        y, x = np.unravel_index(np.argmax(heights), heights.shape)
        return self._near(replace(alignment, shift=(float(x) / _GRID, float(y) / _GRID)), waves_K)

    def _waves(self, alignment: Alignment) -> Complexes:
        change_K2 = alignment.frequencies(self._carriers.template_K2) - self._base_K2
        down = np.exp(-2j * np.pi * np.outer(self._down_px, change_K2[:, 1]))
        along = np.exp(-2j * np.pi * np.outer(self._along_px, change_K2[:, 0]))
        waves_K: Complexes = ((self._blocks * along).sum(axis=1) * down).sum(axis=0)
        return waves_K

    def _near(self, alignment: Alignment, waves_K: Complexes) -> Alignment:
        """The highest of 5 x 5 shifts a quarter of a grid's step apart, and its score."""
        spread = np.sqrt(np.sum(np.square(np.abs(waves_K))) / 2)
        if spread == 0:
            return replace(alignment, score=0.0)
        waves_K2 = self._carriers.template_K2
        offsets = np.arange(-2, 3) / (4 * _GRID)
        along_XK = np.exp(-2j * np.pi * np.outer(alignment.shift[0] + offsets, waves_K2[:, 0]))
        down_YK = np.exp(-2j * np.pi * np.outer(alignment.shift[1] + offsets, waves_K2[:, 1]))
        heights = ((down_YK * waves_K) @ along_XK.T).real
        y, x = np.unravel_index(np.argmax(heights), heights.shape)
        shift = (alignment.shift[0] + float(offsets[x]), alignment.shift[1] + float(offsets[y]))
        return replace(alignment, shift=shift, score=float(heights[y, x] / spread))


def _moved(
    alignment: Alignment, width: float, height: float, turn_deg: float, sign: int
) -> Alignment:
    return replace(
        alignment,
        tile_width_px=alignment.tile_width_px * width**sign,
        tile_height_px=alignment.tile_height_px * height**sign,
        angle_deg=alignment.angle_deg + turn_deg * sign,
    )
