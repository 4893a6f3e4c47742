"""What a mark says: a random id of 40 bits, and 24 bits by which a key's holder knows it is one.

A reading is decoded twice, by signs and by sureness, so an unmarked picture gives two code words at
most; the 24 bits are a keyed hash of the id, and pass each of them by chance only. Nothing is
assumed about the picture (`MAX_FALSE_PER_READING`).
"""

from __future__ import annotations

import hmac
import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from telecine_safeguards.provenance import bch
from telecine_safeguards.provenance.soft_decision import nearest_code_word

ID_BITS: Final = 40
_CHECK_BITS: Final = 24
_SHARE_DECODED_BY_SIGNS: Final = sum(
    math.comb(bch.CODE_BITS, wrong) for wrong in range(bch.MAX_ERRORS + 1)
) / 2 ** (bch.CODE_BITS - bch.DATA_BITS)
"""Of words by chance: 2.5e-5. Decoding by sureness always gives a code word."""
MAX_FALSE_PER_READING: Final = (1 + _SHARE_DECODED_BY_SIGNS) / 2**_CHECK_BITS
"""The probability that one reading of an unmarked picture gives an id: 6.0e-8."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """A mark that was read."""

    mark_id: int
    num_corrected: int
    """Wrong signs among the 127."""


def code_from_id(mark_id: int, key: bytes) -> int:
    """The 127 bits to embed. Raises ValueError unless the id has at most 40 bits."""
    if not 0 <= mark_id < 1 << ID_BITS:
        raise ValueError(f"a mark's id has {ID_BITS} bits, got {mark_id.bit_length()}")
    return bch.encode(mark_id << _CHECK_BITS | _check(mark_id, key))


def payload_from_bits(soft_N: npt.NDArray[np.float64], key: bytes) -> Payload | None:
    """The id in 127 bits, positive for 1, the larger the surer; None where there is none."""
    word = sum(1 << place for place, bit in enumerate(soft_N) if bit > 0)
    by_signs = bch.decode(word)
    if by_signs is not None and (found := _payload(by_signs, word, key)) is not None:
        return found
    return _payload(nearest_code_word(soft_N), word, key)


def _payload(code: int, received: int, key: bytes) -> Payload | None:
    data = bch.data_from_code(code)
    mark_id = data >> _CHECK_BITS
    if data & ((1 << _CHECK_BITS) - 1) != _check(mark_id, key):
        return None
    return Payload(mark_id=mark_id, num_corrected=(code ^ received).bit_count())


def _check(mark_id: int, key: bytes) -> int:
    digest = hmac.digest(key, b"telecine mark 1 id" + mark_id.to_bytes(5, "big"), "sha256")
    return int.from_bytes(digest[:3], "big")
