"""The fingerprint of a clip: PDQ hashes of its sampled frames, and of windows of them.

`fingerprint_from_sample` is what is kept of a clip, `query_from_sample` what another is looked up
with; `copies.Copies` compares them.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from telecine_safeguards.output.copies import QueryHashes
from telecine_safeguards.output.pdq import Words, pdq_from_picture, words_from_grids
from telecine_safeguards.output.sample import Sample
from telecine_safeguards.output.windows import (
    QUERY_PARTS,
    REFERENCE_PARTS,
    Picture,
    grids_from_picture,
    without_bars,
)

MIN_QUALITY: Final = 50
"""vPDQ's (facebook/ThreatExchange vpdq/README.md@03f2837): below it there is too little structure
for a distance to mean anything."""
_NUM_DIHEDRAL: Final = 8


def fingerprint_from_sample(sample: Sample) -> Words:
    """What is kept of a clip: up to ten hashes a frame, none of what has too little structure.

    N x 4 words, N can be 0. The first of each frame is its PDQ hash without its bars.
    """
    return np.concatenate([_reference_hashes(frame_HWC) for frame_HWC in sample.frames_THWC])


def query_from_sample(sample: Sample) -> QueryHashes:
    """What a clip is looked up with: some 480 hashes a frame, about 15 ms of one core at 480p."""
    found = [_query_hashes(frame_HWC) for frame_HWC in sample.frames_THWC]
    return QueryHashes(
        words=np.concatenate([words for words, _ in found]),
        frame_numbers=np.repeat(sample.frame_numbers, [len(words) for words, _ in found]),
        windows=np.concatenate([windows for _, windows in found]),
    )


def _reference_hashes(frame_HWC: Picture) -> Words:
    picture = without_bars(frame_HWC)
    whole = pdq_from_picture(picture)  # to the bit, so that hashes from elsewhere match too
    parts_N84, part_qualities = words_from_grids(grids_from_picture(picture, REFERENCE_PARTS))
    words = np.concatenate([whole.words[:1], parts_N84[:, 0]])
    kept: Words = words[np.concatenate([[whole.quality], part_qualities]) >= MIN_QUALITY]
    return kept


def _query_hashes(frame_HWC: Picture) -> tuple[Words, npt.NDArray[np.int64]]:
    """Fine steps without the bars; and the reference's own windows, which a caption leaves free.

    The hashes with structure as N x 4 words, and the N numbers of what they are of.
    """
    picture = without_bars(frame_HWC)
    whole = pdq_from_picture(picture)
    grids = [
        grids_from_picture(picture, QUERY_PARTS),
        grids_from_picture(frame_HWC, REFERENCE_PARTS),
    ]
    parts_N84, part_qualities = words_from_grids(np.concatenate(grids))
    words = np.concatenate([whole.words[np.newaxis], parts_N84]).reshape(-1, 4)
    qualities = np.concatenate([[whole.quality], part_qualities])
    kept = np.flatnonzero(np.repeat(qualities >= MIN_QUALITY, _NUM_DIHEDRAL))
    return words[kept], kept
