"""Which waves carry the mark: places and phases of a key's carriers, the same for ever.

The mark is a sum of plane waves whose frequencies lie on a lattice, so it repeats after one tile:
`wave (u, v)` has u periods along a tile's side and v down it. 64 carriers with known phases (the
template) say how a picture was scaled, turned and moved; five others carry each bit of the code, as
the sign of a wave with a secret phase. Bits, template and every phase come from independent output
of SHAKE-256, never from numpy's generators, whose streams may change between versions.

Legend: K carriers, 2 the pair (u along x, v along y).
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from telecine_safeguards.provenance.bch import CODE_BITS

NUM_TEMPLATE: Final = 64
CARRIERS_PER_BIT: Final = 5
_MIN_PERIODS: Final = 5.0
_MAX_PERIODS: Final = 22.5
"""Of a wave per tile: slower ones are seen as shading, faster ones die in an encoder."""

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Carriers:
    """One key's waves."""

    template_K2: Integers
    template_phases_K: Floats
    bits_K2: Integers
    """The carriers of bit 0, then those of bit 1, and so on."""
    bits_phases_K: Floats


@lru_cache(maxsize=16)
def carriers_from_key(key: bytes) -> Carriers:
    """Deal the lattice's waves out to the template and the bits."""
    waves_K2 = _ring()
    order = np.argsort(_numbers(key, b"order", len(waves_K2)), kind="stable")
    num_bits = CODE_BITS * CARRIERS_PER_BIT
    dealt_K2 = waves_K2[order[: NUM_TEMPLATE + num_bits]]
    phases_K = 2 * np.pi * _numbers(key, b"phases", len(dealt_K2))
    return Carriers(
        template_K2=dealt_K2[:NUM_TEMPLATE],
        template_phases_K=phases_K[:NUM_TEMPLATE],
        bits_K2=dealt_K2[NUM_TEMPLATE:],
        bits_phases_K=phases_K[NUM_TEMPLATE:],
    )


def _ring() -> Integers:
    """Every wave of the ring once: (u, v) and (-u, -v) are the same wave."""
    side = int(_MAX_PERIODS) + 1
    u, v = np.meshgrid(np.arange(-side, side + 1), np.arange(side + 1), indexing="xy")
    is_one_of_two = (v > 0) | ((v == 0) & (u > 0))
    periods = np.hypot(u, v)
    is_in_ring = (periods >= _MIN_PERIODS) & (periods <= _MAX_PERIODS)
    waves_K2: Integers = np.stack([u, v], axis=-1)[is_one_of_two & is_in_ring].astype(np.int64)
    return waves_K2


def _numbers(key: bytes, what: bytes, count: int) -> Floats:
    """`count` numbers in [0, 1)."""
    seed = hmac.digest(key, b"telecine mark 1 " + what, "sha256")
    raw = hashlib.shake_256(seed).digest(4 * count)
    return np.frombuffer(raw, ">u4").astype(np.float64) / 2**32
