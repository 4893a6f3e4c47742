"""Finds whose media a clip copies, by the fingerprints of both and a vote over the frames.

Sees copies under re-encoding, bars, captions, logos, crops to 20 %, rotations to 10 degrees,
mirrors, changed speed, and parts of a clip (loadtests/moderation.py has the figures). A new drawing
of the same character is no copy and is not seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from telecine_safeguards.output.hash_index import HashIndex
from telecine_safeguards.output.pdq import NUM_BITS, Words

MAX_DISTANCE_BITS: Final = 31
"""vPDQ's (facebook/ThreatExchange vpdq/README.md@03f2837). One frame this close is a copy
by itself: one frame of a protected work is already a copy."""
MAX_VOTED_BITS: Final = 60
MIN_VOTES: Final = 2
"""A crop that falls between two windows is this far off, in frame after frame; unrelated clips are
further apart (loadtests/moderation.py). Two different frames have to say so, seen through the same
window: a copy was cut the same way throughout."""
MAX_VOTED_BITS_AMONG_MANY: Final = 54
"""The same vote against ten thousand clips and more: with 60, two of 60 strangers were taken for
copies, at 58 and 60 bits in neighbouring frames (loadtests/lookup.py)."""
_NO_WORDS: Final[Words] = np.zeros((0, 4), np.uint64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """What one owner's reference media have in common with a clip."""

    owner: int
    """The position that the owner's hashes were given with."""
    frame_number: int
    """The closest frame of the clip."""
    distance_bits: int
    num_frames: int
    """How many sampled frames are near enough to vote, through the window that sees most."""

    @property
    def score(self) -> float:
        """1 for equal hashes, about 0.5 for unrelated ones."""
        return 1 - self.distance_bits / NUM_BITS


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QueryHashes:
    """The hashes to look a clip up with: every window, mirrored and turned, of every frame."""

    words: Words
    frame_numbers: npt.NDArray[np.int64]
    """Of each row."""
    windows: npt.NDArray[np.int64]
    """Which window and which of its mirrorings and turns each row is; the same in every frame."""


class Copies:
    """The fingerprints of many owners: registered works, or released clips."""

    def __init__(self, fingerprints: Sequence[Words], max_voted_bits: int = MAX_VOTED_BITS) -> None:
        """One fingerprint for each owner; an empty one can never be found."""
        self._max_voted_bits = max_voted_bits
        counts = [len(words) for words in fingerprints]
        self._owners = np.repeat(np.arange(len(fingerprints)), counts)
        self._index = HashIndex(np.concatenate(fingerprints) if fingerprints else _NO_WORDS)

    def find(self, query: QueryHashes) -> tuple[Copy, ...]:
        """The owners of whom the clip shows a copy, each once, in their order."""
        hits = self._index.search(query.words, self._max_voted_bits)
        owners = self._owners[hits.found]
        frames, windows = query.frame_numbers[hits.rows], query.windows[hits.rows]
        copies = []
        for owner in np.unique(owners):
            is_own = owners == owner
            bits = hits.distances_bits[is_own]
            num_frames = _most_frames(frames[is_own], windows[is_own])
            nearest = int(bits.argmin())
            if bits[nearest] <= MAX_DISTANCE_BITS or num_frames >= MIN_VOTES:
                copies.append(
                    Copy(
                        owner=int(owner),
                        frame_number=int(frames[is_own][nearest]),
                        distance_bits=int(bits[nearest]),
                        num_frames=num_frames,
                    )
                )
        return tuple(copies)


def _most_frames(frames: npt.NDArray[np.int64], windows: npt.NDArray[np.int64]) -> int:
    """Of the windows that pairs were seen through, how many frames one of them saw at most."""
    seen = np.unique(np.column_stack([windows, frames]), axis=0)
    return int(np.unique(seen[:, 0], return_counts=True)[1].max())
