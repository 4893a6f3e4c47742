"""Finds copies of the registry's reference media in the frames."""

from __future__ import annotations

from typing import Final

from telecine_safeguards import policy
from telecine_safeguards.output.copies import Copies
from telecine_safeguards.output.fingerprint import query_from_sample
from telecine_safeguards.output.pdq import words_from_hex
from telecine_safeguards.output.sample import Sample
from telecine_safeguards.registry.entities import Registry
from telecine_safeguards.verdict import Finding


class FingerprintCheck:
    """Compares clips with the reference hashes of one registry."""

    name: Final = policy.FINGERPRINT

    def __init__(self, registry: Registry) -> None:
        self._entities = tuple(entity for entity in registry.entities if entity.reference_hashes)
        self._copies = Copies([words_from_hex(each.reference_hashes) for each in self._entities])

    def check(self, sample: Sample) -> tuple[Finding, ...]:
        """Give one finding for each entity whose media the clip copies."""
        if not self._entities:
            return ()
        findings = []
        for copy in self._copies.find(query_from_sample(sample)):
            entity = self._entities[copy.owner]
            findings.append(
                Finding(
                    check=policy.FINGERPRINT,
                    score=copy.score,
                    entity_id=entity.id,
                    entity_name=entity.name,
                    entity_kind=entity.kind.value,
                    rights_holder=entity.rights_holder,
                    matched=f"frame {copy.frame_number}",
                )
            )
        return tuple(findings)
