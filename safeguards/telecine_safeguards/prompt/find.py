"""Everything that screening sees in a text: names, descriptions and harms, as findings.

Invariant: what the registry protects at this place on this day is looked for, and nothing else; a
check that gives no answer raises.
"""

from __future__ import annotations

from collections.abc import Sequence

from telecine_safeguards import policy
from telecine_safeguards.errors import CheckFailed, RegistryError
from telecine_safeguards.policy_rules import Circumstances, Seen
from telecine_safeguards.prompt.embed import Embed
from telecine_safeguards.prompt.harms import (
    MIN_DESCRIPTION_SCORE,
    HarmClassifier,
    finding_from_harm,
    harm_ids,
    harms_registry,
)
from telecine_safeguards.prompt.lexical import NameHit, NameIndex
from telecine_safeguards.prompt.meaning import MeaningHit, MeaningIndex
from telecine_safeguards.registry.entities import Entity, Registry
from telecine_safeguards.registry.force import is_protected
from telecine_safeguards.verdict import Finding

MAX_LETTERS = 20_000
"""A longer text is refused, not cut: what is cut off would not be screened."""


class Finder:
    """The indexes of one registry and of the harms."""

    def __init__(
        self, registry: Registry, *, embed: Embed | None, classifiers: Sequence[HarmClassifier]
    ) -> None:
        """Raises RegistryError for an unusable name and CheckFailed for an unusable model."""
        self.entities = {entity.id: entity for entity in registry.entities}
        if taken := self.entities.keys() & harm_ids():
            raise RegistryError(f"the ids {sorted(taken)} are kept for harms; rename the entities")
        everything = Registry(
            version=registry.version,
            entities=(*registry.entities, *harms_registry().entities),
        )
        self._names = NameIndex(everything)
        self._meaning = None if embed is None else MeaningIndex(everything, embed)
        self._classifiers = tuple(classifiers)

    def find(self, prompts: Sequence[str], circumstances: Circumstances) -> list[list[Seen]]:
        """What stands in each prompt. Raises CheckFailed."""
        if any(len(prompt) > MAX_LETTERS for prompt in prompts):
            raise CheckFailed(f"a prompt has more than {MAX_LETTERS} characters; shorten it")
        found = [self._named(prompt, policy.NAMES, circumstances) for prompt in prompts]
        if self._meaning is not None:
            for seen, hits in zip(found, self._meaning.find(prompts), strict=True):
                seen += self._described(hits, seen, circumstances)
        for classifier in self._classifiers:
            for seen, findings in zip(found, classifier(prompts), strict=True):
                seen += [Seen(finding=finding) for finding in findings]
        return found

    def find_in_negative(self, prompt: str, circumstances: Circumstances) -> list[Seen]:
        """Names in a negative prompt; a description of what to keep out harms nobody."""
        if len(prompt) > MAX_LETTERS:
            raise CheckFailed(f"a prompt has more than {MAX_LETTERS} characters; shorten it")
        return self._named(prompt, policy.NAMES_IN_NEGATIVE_PROMPT, circumstances)

    def _named(self, prompt: str, check: str, circumstances: Circumstances) -> list[Seen]:
        return [
            seen
            for hit in self._names.find(prompt)
            if (seen := self._seen(hit, check, circumstances)) is not None
        ]

    def _described(
        self, hits: Sequence[MeaningHit], named: Sequence[Seen], circumstances: Circumstances
    ) -> list[Seen]:
        known = {each.finding.entity_id for each in named}
        return [
            seen
            for hit in hits
            if (seen := self._seen(hit, policy.DESCRIPTIONS, circumstances)) is not None
            and seen.finding.entity_id not in known
        ]

    def _seen(
        self, hit: NameHit | MeaningHit, check: str, circumstances: Circumstances
    ) -> Seen | None:
        entity = hit.entity
        if entity.id in harm_ids():
            is_weak = check == policy.DESCRIPTIONS and hit.score < MIN_DESCRIPTION_SCORE
            harm_check = check if check == policy.NAMES_IN_NEGATIVE_PROMPT else policy.HARMS
            finding = finding_from_harm(
                entity, score=hit.score, matched=hit.matched, check=harm_check
            )
            return None if is_weak else Seen(finding=finding)
        today = circumstances.now.date()
        if not is_protected(entity, region=circumstances.region, today=today):
            return None
        return Seen(
            finding=_finding(hit, entity, check),
            status=entity.status,
            is_rewritable=bool(entity.generic),
            spans=hit.spans,
        )


def _finding(hit: NameHit | MeaningHit, entity: Entity, check: str) -> Finding:
    return Finding(
        check=check,
        score=hit.score,
        entity_id=entity.id,
        entity_name=entity.name,
        entity_kind=entity.kind.value,
        rights_holder=entity.rights_holder,
        matched=hit.matched,
    )
