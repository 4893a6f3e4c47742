"""How loud given waves are in a residual, and how loud the noise around each of them is.

Legend: T frames, H height_px, W width_px, K waves, 2 the pair (x, y), B blocks down, C along.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from telecine_safeguards.provenance.luma import Picture, mean_around

Complexes = npt.NDArray[np.complex64]
Floats = npt.NDArray[np.float64]
BLOCK_PX: Final = 32
MAX_FREQUENCY: Final = 0.47
"""Cycles per pixel: shorter waves are not drawn."""
_NOISE_REACH: Final = 12
"""Noise is the mean power of 25 x 25 bins of the padded spectrum."""


class Noise:
    """The power spectrum of a residual, and its local mean."""

    def __init__(self, residual_HW: Picture) -> None:
        self._shape = tuple(1 << (2 * side - 1).bit_length() for side in residual_HW.shape)
        spectrum = np.fft.rfft2(residual_HW, s=self._shape)
        power = (np.square(spectrum.real) + np.square(spectrum.imag)).astype(np.float32)
        smooth = mean_around(power, _NOISE_REACH)
        self._smooth = np.maximum(smooth, np.float32(power.max() * 1e-9 + 1e-12))
        self._loudness = power / self._smooth

    def loudness(self, frequencies: Floats) -> Floats:
        """Power over local noise at (…, 2) cycles per pixel, nearest bin; 1 is average."""
        found: Floats = self._loudness[self._bins(frequencies)].astype(np.float64)
        return found

    def weights(self, frequencies: Floats) -> Floats:
        """One over the mean noise power around (…, 2) cycles per pixel; 0 for waves too short."""
        is_there = np.abs(frequencies).max(axis=-1) < MAX_FREQUENCY
        levels = self._smooth[self._bins(np.clip(frequencies, -0.5, 0.5))].astype(np.float64)
        weights: Floats = is_there / levels
        return weights

    def _bins(self, frequencies: Floats) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """A real picture's spectrum is the same at f and -f: half of it is kept, x >= 0."""
        flipped = np.where(frequencies[..., :1] < 0, -frequencies, frequencies)
        rows, columns = self._shape
        return (
            np.rint(flipped[..., 1] * rows).astype(np.int64) % rows,
            np.minimum(np.rint(flipped[..., 0] * columns).astype(np.int64), columns // 2),
        )


def waves_in(residual_HW: Picture, frequencies_K2: Floats) -> Complexes:
    """Fourier coefficients at any frequencies, cycles per pixel, phases from the middle: K.

    Of many residuals THW: those of each, TK.
    """
    height_px, width_px = residual_HW.shape[-2:]
    along_WK = _turns(np.arange(width_px) - width_px / 2, frequencies_K2[:, 0])
    down_HK = _turns(np.arange(height_px) - height_px / 2, frequencies_K2[:, 1])
    summed: Complexes = (_product(residual_HW, along_WK) * down_HK).sum(axis=-2)
    return summed


def waves_in_blocks(residual_HW: Picture, frequencies_K2: Floats) -> Complexes:
    """The same for each block of 32 x 32 pixels: B x C x K.

    Their sum is `waves_in`; and for slightly other frequencies it is enough to turn each block by
    what the phase changes at its centre (`block_centres`).
    """
    height_px, width_px = residual_HW.shape
    rows, columns = -(-height_px // BLOCK_PX), -(-width_px // BLOCK_PX)
    padded = np.pad(
        residual_HW, ((0, rows * BLOCK_PX - height_px), (0, columns * BLOCK_PX - width_px))
    )
    along = _turns(np.arange(columns * BLOCK_PX) - width_px / 2, frequencies_K2[:, 0])
    down = _turns(np.arange(rows * BLOCK_PX) - height_px / 2, frequencies_K2[:, 1])
    strips = np.ascontiguousarray(padded.reshape(-1, columns, BLOCK_PX).transpose(1, 0, 2))
    sums = _product(strips, along.reshape(columns, BLOCK_PX, -1))  # C, rows, K
    turned = (sums * down).reshape(columns, rows, BLOCK_PX, -1).sum(axis=2)
    blocks: Complexes = turned.transpose(1, 0, 2)
    return blocks


def block_centres(side_px: int) -> Floats:
    """Of the blocks along a side, in pixels from the picture's middle."""
    num_blocks = -(-side_px // BLOCK_PX)
    centres = (np.arange(num_blocks) + 0.5) * BLOCK_PX - 0.5 - side_px / 2
    return centres.astype(np.float64)


def _product(real: Picture, turns: Complexes) -> Complexes:
    """`real @ turns`, without the zeros of a complex matrix product."""
    return (real @ turns.view(np.float32)).view(np.complex64)


def _turns(places: Floats, frequencies_K: Floats) -> Complexes:
    turns: Complexes = np.exp(-2j * np.pi * np.outer(places, frequencies_K)).astype(np.complex64)
    return turns
