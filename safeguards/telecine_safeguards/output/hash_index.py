"""Finds the near ones among a million hashes without looking at all of them.

A small bank is compared one by one. A large one is an inverted file (faiss IndexBinaryIVF): each
hash lies in the list of its nearest centre, and only the nearest lists are read. That can miss a
pair; loadtests/moderation.py says how many.

Legend: N hashes of the bank, Q hashes that are looked up, H pairs found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import faiss
import numpy as np
import numpy.typing as npt

from telecine_safeguards.output.pdq import NUM_BITS, Words

FLAT_MAX: Final = 50_000
"""Up to here comparing all takes less than a tenth of a millisecond a hash."""
_NUM_LISTS: Final = 1024
_NUM_TRAINING: Final = 40_960
"""Forty for each list: k-means gains nothing from more, and this takes 1.5 s."""
_NUM_PROBES: Final = 32
_NUM_ROUNDS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hits:
    """Pairs of a looked-up hash and one of the bank, as three columns of length H."""

    rows: npt.NDArray[np.int64]
    """Which of the hashes that were looked up."""
    found: npt.NDArray[np.int64]
    """Which of the bank."""
    distances_bits: npt.NDArray[np.int64]


class HashIndex:
    """A bank of N x 4 words; 40 bytes a hash. Not changed after it was built."""

    def __init__(self, words: Words) -> None:
        bank = _bytes_from_words(words)
        # The index does not own its centres: they have to live as long.
        self._centres = faiss.IndexBinaryFlat(NUM_BITS)
        self._index: faiss.IndexBinary = (
            faiss.IndexBinaryFlat(NUM_BITS)
            if len(bank) <= FLAT_MAX
            else _lists(self._centres, bank)
        )
        if len(bank):
            self._index.add(bank)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def search(self, words: Words, max_distance_bits: int) -> Hits:
        """All pairs that differ in at most so many bits; Q x 4 words."""
        if not len(words) or not len(self):
            return _NO_HITS
        # faiss gives what is nearer than the radius.
        limits, distances, found = self._index.range_search(
            _bytes_from_words(words), max_distance_bits + 1
        )
        rows = np.searchsorted(limits, np.arange(len(found)), side="right") - 1
        return Hits(
            rows=rows.astype(np.int64),
            found=found.astype(np.int64),
            distances_bits=distances.astype(np.int64),
        )


_NO_HITS: Final = Hits(
    rows=np.zeros(0, np.int64), found=np.zeros(0, np.int64), distances_bits=np.zeros(0, np.int64)
)


def _lists(centres: faiss.IndexBinaryFlat, bank: npt.NDArray[np.uint8]) -> faiss.IndexBinaryIVF:
    index = faiss.IndexBinaryIVF(centres, NUM_BITS, _NUM_LISTS)
    index.nprobe = _NUM_PROBES
    index.cp.niter = _NUM_ROUNDS
    chosen = np.random.default_rng(0).choice(len(bank), _NUM_TRAINING, replace=False)
    index.train(bank[chosen])
    return index


def _bytes_from_words(words: Words) -> npt.NDArray[np.uint8]:
    """The order of the bytes does not matter to a count of bits, as long as it is one."""
    return np.ascontiguousarray(words, np.uint64).view(np.uint8).reshape(-1, NUM_BITS // 8)
