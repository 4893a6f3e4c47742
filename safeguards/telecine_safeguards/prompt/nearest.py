"""Finds the cards nearest to a few windows: one product for thousands, an inverted file for more.

The inverted file (J. Sivic and A. Zisserman, ICCV 2003; IVF in FAISS, arXiv 1702.08734) groups the
cards round centres by k-means; only the groups whose centres are nearest are looked at, so the work
grows with the square root of the number of cards. Deterministic: the start is a fixed sample.
"""

# Legend: W windows, C cards, K centres, D numbers of an embedding

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

MAX_EXACT_CARDS: Final = 8_000
"""Up to here one product with all cards takes less than 3 ms."""
NUM_PROBES: Final = 12
"""Groups that are looked at for each window."""
_NUM_ROUNDS: Final = 6
_SAMPLES_FOR_EACH_CENTRE: Final = 40


class NearestCards:
    """Unit rows of cards, searchable by cosine."""

    def __init__(self, cards_CD: Floats) -> None:
        self._cards_CD = cards_CD
        self._centres_KD: Floats | None = None
        if len(cards_CD) > MAX_EXACT_CARDS:
            self._group()

    def near(self, windows_WD: Floats, num_cards: int) -> npt.NDArray[np.int64]:
        """Positions of the `num_cards` cards with the best cosine to any window, best first."""
        if self._centres_KD is None:
            places, best = None, (windows_WD @ self._cards_CD.T).max(axis=0)
        else:
            places, best = self._probe(windows_WD, self._centres_KD)
        count = min(num_cards, len(best))
        top = np.argpartition(-best, count - 1)[:count]
        top = top[np.lexsort((top, -best[top]))]
        chosen: npt.NDArray[np.int64] = top if places is None else places[top]
        return chosen

    def _probe(
        self, windows_WD: Floats, centres_KD: Floats
    ) -> tuple[npt.NDArray[np.int64], Floats]:
        likeness_WK = windows_WD @ centres_KD.T
        count = min(NUM_PROBES, len(centres_KD))
        nearest_WK = np.argpartition(-likeness_WK, count - 1, axis=1)[:, :count]
        places, best = [], []
        for centre in np.unique(nearest_WK):
            rows = slice(self._starts[centre], self._starts[centre + 1])
            asking_WD = windows_WD[(nearest_WK == centre).any(axis=1)]
            places.append(self._order[rows])
            best.append((self._grouped_CD[rows] @ asking_WD.T).max(axis=1, initial=-1.0))
        return np.concatenate(places), np.concatenate(best)

    def _group(self) -> None:
        cards_CD = self._cards_CD
        num_centres = int(2 * len(cards_CD) ** 0.5)
        chance = np.random.default_rng(0)
        num_samples = min(len(cards_CD), num_centres * _SAMPLES_FOR_EACH_CENTRE)
        sample = cards_CD[np.sort(chance.choice(len(cards_CD), num_samples, replace=False))]
        centres_KD = sample[:: num_samples // num_centres][:num_centres].copy()
        for _ in range(_NUM_ROUNDS):
            owners = _nearest_centre(sample, centres_KD)
            sums_KD = np.zeros_like(centres_KD)
            np.add.at(sums_KD, owners, sample)
            lengths = np.linalg.norm(sums_KD, axis=1, keepdims=True)
            centres_KD = np.where(lengths > 0, sums_KD / np.maximum(lengths, 1e-9), centres_KD)
        owners = _nearest_centre(cards_CD, centres_KD)
        self._centres_KD = centres_KD
        self._order = np.argsort(owners, kind="stable")
        self._grouped_CD = np.ascontiguousarray(cards_CD[self._order])
        self._starts = np.searchsorted(owners[self._order], np.arange(len(centres_KD) + 1))


def _nearest_centre(rows_CD: Floats, centres_KD: Floats) -> npt.NDArray[np.int64]:
    owners = np.empty(len(rows_CD), dtype=np.int64)
    for first in range(0, len(rows_CD), 8192):
        part = slice(first, first + 8192)
        owners[part] = (rows_CD[part] @ centres_KD.T).argmax(axis=1)
    return owners
