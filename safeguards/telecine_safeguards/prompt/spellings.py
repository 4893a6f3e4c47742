"""Looks misspelt names up by hash: one wrong, missing, added or swapped letter, whatever the size.

SymSpell's idea (W. Garbe, 2012): two words one edit apart share a form with one letter deleted. The
forms of all names are stored as 64-bit hashes in sorted arrays, so a registry of 100,000 entities
costs megabytes and a look-up costs a binary search, never a scan. Invariant: a hash only proposes;
the distance itself decides.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


class SpellingIndex:
    """Keys by their forms: themselves and each with one letter deleted."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Index `keys`; a look-up gives their positions."""
        hashes = [hash(form) for key in keys for form in _forms(key)]
        owners = np.repeat(
            np.arange(len(keys), dtype=np.int32),
            np.fromiter((len(_forms(key)) for key in keys), dtype=np.int64, count=len(keys)),
        )
        order = np.argsort(np.array(hashes, dtype=np.int64), kind="stable")
        self._hashes: npt.NDArray[np.int64] = np.array(hashes, dtype=np.int64)[order]
        self._owners: npt.NDArray[np.int32] = owners[order]

    def near(self, words: Sequence[str]) -> set[tuple[int, int]]:
        """Give (position in `words`, position of a key) that may be one edit apart."""
        return self._owners_of(
            [(place, hash(form)) for place, word in enumerate(words) for form in _forms(word)]
        )

    def _owners_of(self, forms: Sequence[tuple[int, int]]) -> set[tuple[int, int]]:
        if not forms or not len(self._hashes):
            return set()
        wanted = np.array([value for _, value in forms], dtype=np.int64)
        first = np.searchsorted(self._hashes, wanted)
        found = self._hashes[np.minimum(first, len(self._hashes) - 1)] == wanted
        pairs: set[tuple[int, int]] = set()
        for at in np.flatnonzero(found).tolist():
            place, value = forms[at]
            stop = int(np.searchsorted(self._hashes, value, side="right"))
            pairs.update((place, int(owner)) for owner in self._owners[first[at] : stop])
        return pairs


def _forms(key: str) -> set[str]:
    return {key, *(key[:place] + key[place + 1 :] for place in range(len(key)))}
