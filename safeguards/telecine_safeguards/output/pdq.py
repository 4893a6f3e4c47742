"""PDQ, the perceptual hash of Meta's ThreatExchange, in numpy.

Legend: H height_px, W width_px, C colours, U and V frequencies. The algorithm and its constants are
those of facebook/ThreatExchange hashing/hashing.pdf and pdq/cpp/hashing/pdqhashing.cpp@0234393;
checked against pdqhash 0.2.8, which ships no wheels. The reference runs its filters pixel by pixel;
all of them are linear and separable, so here each is a matrix and a frame costs a few products.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Words = npt.NDArray[np.uint64]
"""Hashes as rows of four 64-bit words, most significant first."""

NUM_BITS: Final = 256
GRID: Final = 64
"""Side of what is left of a picture before its cosine transform."""
_NUM_FREQUENCIES: Final = 16
_LUMA_FROM_RGB: Final = (0.299, 0.587, 0.114)
_MIN_SIDE_PX: Final = 5
"""The reference gives up below this: quality 0."""
_QUALITY_DIVISOR: Final = 90
"""Heuristic of the reference: this sum of gradients, in per cent of full range, is one point."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PdqHash:
    """The hash of one picture, with those of its mirror images and quarter turns."""

    words: Words
    """8 x 4 words; row 0 is the picture as it is."""
    quality: int
    """0 to 100; below 50 the picture has too little structure for a distance to mean anything."""

    @property
    def hex(self) -> str:
        """The picture's own hash, as ThreatExchange writes it: 64 digits."""
        return hex_from_words(self.words[:1])[0]


def pdq_from_picture(picture_HWC: npt.NDArray[np.uint8]) -> PdqHash:
    """Hash one uint8 RGB picture."""
    height_px, width_px, _ = picture_HWC.shape
    if min(height_px, width_px) < _MIN_SIDE_PX:
        return PdqHash(words=np.zeros((8, 4), np.uint64), quality=0)
    luma_HW = luma_from_picture(picture_HWC)
    grid = _shrink_matrix(height_px) @ luma_HW @ _shrink_matrix(width_px).T
    words_N84, qualities = words_from_grids(grid[np.newaxis])
    return PdqHash(words=words_N84[0], quality=int(qualities[0]))


def luma_from_picture(picture_HWC: npt.NDArray[np.uint8]) -> Floats:
    """The brightness that PDQ looks at, 0 to 255."""
    luma_HW: Floats = picture_HWC @ np.array(_LUMA_FROM_RGB)
    return luma_HW


def words_from_grids(grids_NHW: npt.NDArray[np.floating]) -> tuple[Words, npt.NDArray[np.int64]]:
    """Hash pictures that are shrunk to GRID x GRID already: N x 8 x 4 words, N qualities."""
    cosines = _cosine_matrix()
    spectra_NUV = cosines @ grids_NHW @ cosines.T
    words_N84 = np.stack([_words_from_spectra(turned) for turned in _dihedral(spectra_NUV)], axis=1)
    return words_N84, _qualities(grids_NHW)


def hex_from_words(words: Words) -> tuple[str, ...]:
    """Write N x 4 words as ThreatExchange does: 64 digits each."""
    return tuple("".join(f"{int(word):016x}" for word in row) for row in words)


def words_from_hex(hashes: tuple[str, ...]) -> Words:
    """Parse hashes of 64 digits to N x 4 words."""
    return words_from_bytes(bytes.fromhex("".join(hashes)))


def words_from_bytes(raw: bytes) -> Words:
    """Read hashes of 32 bytes each to N x 4 words; the inverse of `bytes_from_words`."""
    return np.frombuffer(raw, dtype=">u8").astype(np.uint64).reshape(-1, 4)


def bytes_from_words(words: Words) -> bytes:
    """Write N x 4 words, most significant byte first."""
    return words.astype(">u8").tobytes()


def distances(left: Words, right: Words) -> npt.NDArray[np.int64]:
    """Count the differing bits of every pair: M x 4 and N x 4 words give M x N."""
    differing = np.bitwise_count(left[:, np.newaxis] ^ right[np.newaxis])
    num_differing: npt.NDArray[np.int64] = differing.sum(axis=2, dtype=np.int64)
    return num_differing


@lru_cache(maxsize=32)
def _shrink_matrix(size_px: int) -> Floats:
    """One axis of the downsampling: two box filters (a tent), then 64 evenly spread pixels.

    The window is half a grid cell, rounded up; an even one reaches one pixel further ahead than
    back; at the borders it is cut and the mean is over what is left.
    """
    if size_px == GRID:
        return np.eye(GRID)
    window_px = -(-size_px // (2 * GRID))
    ahead_px = window_px // 2
    behind_px = window_px - 1 - ahead_px
    offset_px = np.arange(size_px)[np.newaxis, :] - np.arange(size_px)[:, np.newaxis]
    box = ((-behind_px <= offset_px) & (offset_px <= ahead_px)).astype(np.float64)
    box /= box.sum(axis=1, keepdims=True)
    centres_px = ((np.arange(GRID) + 0.5) * size_px / GRID).astype(np.int64)
    shrink: Floats = box[centres_px] @ box
    return shrink


@lru_cache(maxsize=1)
def _cosine_matrix() -> Floats:
    """DCT-II, frequencies 1 to 16 of 64: the constant row is left out."""
    frequency = np.arange(1, _NUM_FREQUENCIES + 1)[:, np.newaxis]
    position = 2 * np.arange(GRID)[np.newaxis, :] + 1
    cosines: Floats = np.sqrt(2 / GRID) * np.cos(np.pi / (2 * GRID) * frequency * position)
    return cosines


def _dihedral(spectra_NUV: Floats) -> list[Floats]:
    """The spectra of the eight mirror images and turns, without looking at the pixels again.

    Mirroring an axis negates its odd frequencies; swapping the axes transposes. The first is the
    picture as it is.
    """
    mirror = np.where(np.arange(1, _NUM_FREQUENCIES + 1) % 2, -1.0, 1.0)
    same = np.ones_like(mirror)
    return [
        spectra * rows[:, np.newaxis] * columns
        for spectra in (spectra_NUV, spectra_NUV.transpose(0, 2, 1))
        for rows in (same, mirror)
        for columns in (same, mirror)
    ]


def _words_from_spectra(spectra_NUV: Floats) -> Words:
    """One bit for each frequency above the median; the lowest frequency is the last bit."""
    values = spectra_NUV.reshape(-1, NUM_BITS)
    median_at = NUM_BITS // 2 - 1  # the lower one of two
    lower_median = np.partition(values, median_at, axis=1)[:, median_at : median_at + 1]
    packed = np.packbits((values > lower_median)[:, ::-1], axis=1)
    return packed.view(">u8").astype(np.uint64)


def _qualities(grids_NHW: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
    """Sum of the gradients that are at least one per cent of full range, scaled to 0..100."""
    total = sum(
        np.abs(np.trunc(np.diff(grids_NHW, axis=axis) * 100 / 255)).sum(axis=(1, 2))
        for axis in (1, 2)
    )
    qualities: npt.NDArray[np.int64] = np.minimum(total // _QUALITY_DIVISOR, 100).astype(np.int64)
    return qualities
