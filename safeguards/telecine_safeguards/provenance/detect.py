"""Reads a mark out of frames, or says that there is none.

Each alignment of `align.py` is read once, best first, mostly from the frames that kept the mark
(`votes.py`): the bits' waves, summed over their carriers with the loud noise weighted down, are
decoded. The number of alignments times `MAX_FALSE_PER_READING` bounds a false id:
`MAX_FALSE_PER_CLIP`.

Legend: T frames, H height_px, W width_px, K carriers, N bits of the code.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

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
from telecine_safeguards.provenance.residual import Pictures, residuals
from telecine_safeguards.provenance.votes import sum_by_template, sums_to_search
from telecine_safeguards.provenance.waves import Floats, Noise

MAX_FALSE_PER_CLIP: Final = MAX_FALSE_PER_READING * 2 * NUM_ALIGNMENTS
"""The probability that an unmarked clip gives an id, for each key that is tried: 7.2e-7."""


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
    residuals_THW = residuals(lumas_HW)
    if min(residuals_THW.shape[1:]) < MIN_SIDE_PX:
        raise ValueError(f"frames of under {MIN_SIDE_PX} pixels hold no mark")
    searched = [(sum_HW, Noise(sum_HW)) for sum_HW in sums_to_search(residuals_THW)]
    for is_mirrored in (False, True):
        for number, key in enumerate(keys):
            found = _found(residuals_THW, searched, key, is_mirrored)
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
    residuals_THW: Pictures,
    searched: Sequence[tuple[Picture, Noise]],
    key: bytes,
    is_mirrored: bool,
) -> tuple[Payload, Alignment] | None:
    carriers = carriers_from_key(key)
    every = [
        alignment
        for sum_HW, noise in searched
        for alignment in alignments(sum_HW, noise, carriers, is_mirrored=is_mirrored)
    ]
    likeliest = sorted(every, key=lambda each: each.score, reverse=True)[:NUM_ALIGNMENTS]
    residual_HW = sum_by_template(residuals_THW, searched[0][1], carriers, likeliest[0])
    noise = Noise(residual_HW)
    for alignment in likeliest:
        bits_N = soft_bits(residual_HW, noise, carriers, alignment)
        payload = payload_from_bits(bits_N, key)
        if payload is not None:
            return payload, alignment
    return None


def soft_bits(
    residual_HW: Picture, noise: Noise, carriers: Carriers, alignment: Alignment
) -> Floats:
    """Positive for a 1, the larger the surer: N."""
    in_phase_K = alignment.waves(residual_HW, carriers.bits_K2, carriers.bits_phases_K).real
    weights_K = noise.weights(alignment.frequencies(carriers.bits_K2))
    bits_N: Floats = (in_phase_K * weights_K).reshape(CODE_BITS, CARRIERS_PER_BIT).sum(axis=1)
    return bits_N
