"""Finds copies of registered artwork in the frames, by PDQ.

Sees copies, re-encodings, recolourings and mirror images; does not see a crop of 5 % or a rotation
of 2 degrees (measured in facts/safeguards), let alone a new drawing of the same character.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from telecine_safeguards import policy
from telecine_safeguards.output.pdq import (
    NUM_BITS,
    Words,
    distances,
    pdq_from_picture,
    words_from_hex,
)
from telecine_safeguards.output.sample import Sample
from telecine_safeguards.registry.entities import Entity, Registry
from telecine_safeguards.verdict import Finding

MAX_DISTANCE_BITS: Final = 31
MIN_QUALITY: Final = 50
"""Both are vPDQ's (facebook/ThreatExchange vpdq/README.md@03f2837). vPDQ then asks for 80 % of the
frames; here one sampled frame is enough: one frame of a protected work is already a copy."""


class FingerprintCheck:
    """Compares frames with the reference hashes of one registry."""

    name: Final = policy.FINGERPRINT

    def __init__(self, registry: Registry) -> None:
        bank = [
            (entity, hash_) for entity in registry.entities for hash_ in entity.reference_hashes
        ]
        self._entities = tuple(entity for entity, _ in bank)
        self._words = words_from_hex(tuple(hash_ for _, hash_ in bank))

    def check(self, sample: Sample) -> tuple[Finding, ...]:
        """Give the closest match of each entity."""
        if not self._entities:
            return ()
        closest: dict[str, Finding] = {}
        for number, frame_HWC in zip(sample.frame_numbers, sample.frames_THWC, strict=True):
            frame = pdq_from_picture(frame_HWC)
            if frame.quality < MIN_QUALITY:
                continue
            nearest_bits = distances(frame.words, self._words).min(axis=0)
            for index in np.flatnonzero(nearest_bits <= MAX_DISTANCE_BITS):
                found = _finding(self._entities[index], number, int(nearest_bits[index]))
                known = closest.get(self._entities[index].id)
                if known is None or known.score < found.score:
                    closest[self._entities[index].id] = found
        return tuple(closest.values())


def fingerprint_from_sample(sample: Sample, *, is_dihedral: bool = False) -> Words:
    """The hashes of the frames that have enough structure: N x 4 words, N can be 0.

    `is_dihedral`: each frame's eight mirrorings and turns, for looking a copy up.
    """
    hashes = [pdq_from_picture(frame_HWC) for frame_HWC in sample.frames_THWC]
    rows = slice(None) if is_dihedral else slice(1)
    kept = [each.words[rows] for each in hashes if each.quality >= MIN_QUALITY]
    return np.concatenate(kept) if kept else np.zeros((0, 4), np.uint64)


def _finding(entity: Entity, frame_number: int, distance_bits: int) -> Finding:
    return Finding(
        check=policy.FINGERPRINT,
        score=1 - distance_bits / NUM_BITS,
        entity_id=entity.id,
        entity_name=entity.name,
        entity_kind=entity.kind.value,
        rights_holder=entity.rights_holder,
        matched=f"frame {frame_number}",
    )
