"""Decodes the BCH code from how sure each bit is, not only from its sign: 2 dB more.

Ordered statistics of order 2 (M. Fossorier, S. Lin, IEEE Trans. Inf. Theory 41, 1995): of the
surest bits, 64 that determine a code word are taken as they are, then with each one and each two of
them turned over; of those 2,081 code words the one nearest to what was received wins. It always
gives a code word, so what says that it is one of ours is the payload's check alone.

Legend: N bits of the code, K data bits, W code words.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations

import numpy as np
import numpy.typing as npt

from telecine_safeguards.provenance import bch

Bits = npt.NDArray[np.uint8]


def nearest_code_word(soft_N: npt.NDArray[np.float64]) -> int:
    """The likeliest code word; bit i of it is 1 where `soft_N[i]` was positive, mostly."""
    rows_KN, surest_K = _systematic(np.argsort(-np.abs(soft_N)))
    received_K = (soft_N[surest_K] > 0).astype(np.uint8)
    data_WK = received_K ^ _patterns()
    words_WN = (data_WK.astype(np.float32) @ rows_KN.astype(np.float32)).astype(np.int64) % 2
    agreement_W = (2 * words_WN - 1) @ soft_N
    nearest_N = words_WN[int(np.argmax(agreement_W))]
    return sum(1 << place for place in range(bch.CODE_BITS) if nearest_N[place])


def _systematic(order_N: npt.NDArray[np.int64]) -> tuple[Bits, npt.NDArray[np.int64]]:
    """Rows of the code, row k being the only one with a 1 at place `surest_K[k]`."""
    rows_KN = _code_rows().copy()
    surest: list[int] = []
    for place in order_N:
        row = len(surest)
        ones = np.flatnonzero(rows_KN[row:, place])
        if not len(ones):
            continue  # this bit follows from those taken already
        rows_KN[[row, row + ones[0]]] = rows_KN[[row + ones[0], row]]
        others = np.flatnonzero(rows_KN[:, place])
        rows_KN[others[others != row]] ^= rows_KN[row]
        surest.append(int(place))
        if len(surest) == bch.DATA_BITS:
            break
    return rows_KN, np.array(surest)


@lru_cache(maxsize=1)
def _code_rows() -> Bits:
    """The code word of each single data bit."""
    words = [bch.encode(1 << bit) for bit in range(bch.DATA_BITS)]
    return np.array(
        [[word >> place & 1 for place in range(bch.CODE_BITS)] for word in words], np.uint8
    )


@lru_cache(maxsize=1)
def _patterns() -> Bits:
    """None, each one and each two of the data bits."""
    places = range(bch.DATA_BITS)
    chosen = [(), *combinations(places, 1), *combinations(places, 2)]
    patterns_WK = np.zeros((len(chosen), bch.DATA_BITS), np.uint8)
    for row, turned in enumerate(chosen):
        patterns_WK[row, list(turned)] = 1
    return patterns_WK
