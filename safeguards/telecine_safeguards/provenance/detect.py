"""Reads a mark out of frames, or says that there is none.

Each alignment of `align.py` is read once, best first: the bits' waves, summed over their carriers
with the loud noise weighted down, are decoded. The number of alignments times
`MAX_FALSE_PER_READING` bounds a false id: `MAX_FALSE_PER_CLIP`.

Legend: H height_px, W width_px, K carriers, N bits of the code.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from telecine_safeguards.provenance.align import NUM_ALIGNMENTS, Alignment, alignments
from telecine_safeguards.provenance.bch import CODE_BITS
from telecine_safeguards.provenance.carriers import CARRIERS_PER_BIT, Carriers, carriers_from_key
from telecine_safeguards.provenance.embed import MIN_SIDE_PX
from telecine_safeguards.provenance.luma import Picture
from telecine_safeguards.provenance.payload import (
    MAX_FALSE_PER_READING,
    Payload,
    payload_from_bits,
)
from telecine_safeguards.provenance.residual import residual
from telecine_safeguards.provenance.waves import Floats, Noise, waves_in

MAX_FALSE_PER_CLIP: Final = MAX_FALSE_PER_READING * 2 * NUM_ALIGNMENTS
"""The probability that an unmarked clip gives an id, for each key that is tried: 7.2e-7."""
_MAX_FREQUENCY: Final = 0.48


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A mark that was found."""

    mark_id: int
    num_corrected: int
    """Wrong signs among the code's 127."""
    alignment: Alignment
    key_number: int
    """Which of the keys it was made with, from 0."""


def find_mark(lumas_HW: Iterable[Picture], keys: Sequence[bytes]) -> Mark | None:
    """Look for a mark of any of the keys in frames of one size, each a luma of 0 to 255.

    None: there is none, or too little is left of it. Raises ValueError without frames or keys, and
    for frames under 32 pixels.
    """
    if not keys:
        raise ValueError("a mark cannot be looked for without a key")
    residual_HW = residual(lumas_HW)
    if min(residual_HW.shape) < MIN_SIDE_PX:
        raise ValueError(f"frames of under {MIN_SIDE_PX} pixels hold no mark")
    noise = Noise(residual_HW)
    for is_mirrored in (False, True):
        for number, key in enumerate(keys):
            found = _found(residual_HW, noise, key, is_mirrored)
            if found is not None:
                payload, alignment = found
                return Mark(
                    mark_id=payload.mark_id,
                    num_corrected=payload.num_corrected,
                    alignment=alignment,
                    key_number=number,
                )
    return None


def _found(
    residual_HW: Picture, noise: Noise, key: bytes, is_mirrored: bool
) -> tuple[Payload, Alignment] | None:
    carriers = carriers_from_key(key)
    for alignment in alignments(residual_HW, noise, carriers, is_mirrored=is_mirrored):
        bits_N = soft_bits(residual_HW, noise, carriers, alignment)
        payload = payload_from_bits(bits_N, key)
        if payload is not None:
            return payload, alignment
    return None


def soft_bits(
    residual_HW: Picture, noise: Noise, carriers: Carriers, alignment: Alignment
) -> Floats:
    """Positive for a 1, the larger the surer: N."""
    frequencies_K2 = alignment.frequencies(carriers.bits_K2)
    is_there_K = np.abs(frequencies_K2).max(axis=-1) < _MAX_FREQUENCY
    waves_K = waves_in(residual_HW, frequencies_K2)
    phases_K = carriers.bits_phases_K + 2 * np.pi * carriers.bits_K2 @ np.array(alignment.shift)
    in_phase_K = (waves_K * np.exp(-1j * phases_K)).real
    weights_K = is_there_K / noise.level(np.clip(frequencies_K2, -0.5, 0.5))
    bits_N: Floats = (in_phase_K * weights_K).reshape(CODE_BITS, CARRIERS_PER_BIT).sum(axis=1)
    return bits_N
