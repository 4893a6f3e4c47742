"""Everything that screening sees in a text: names, descriptions and harms, as findings.

Invariant: what the registry protects at this place on this day is looked for, and nothing else; a
check that gives no answer raises.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from telecine_safeguards import policy
from telecine_safeguards.errors import CheckFailed, RegistryError
from telecine_safeguards.policy_rules import Circumstances, Seen
from telecine_safeguards.prompt.calibration import score_from_foreign_evidence
from telecine_safeguards.prompt.embed import Embed
from telecine_safeguards.prompt.harms import (
    MIN_DESCRIPTION_SCORE,
    HarmClassifier,
    finding_from_harm,
    harm_ids,
    harms_registry,
)
from telecine_safeguards.prompt.language import has_latin, is_foreign
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
        self,
        registry: Registry,
        *,
        embed: Embed | None = None,
        embed_foreign: Embed | None = None,
        classifiers: Sequence[HarmClassifier] = (),
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
        self._foreign = None if embed_foreign is None else _Foreign(everything, embed_foreign)
        self._classifiers = tuple(classifiers)

    def find(self, prompts: Sequence[str], circumstances: Circumstances) -> list[list[Seen]]:
        """What stands in each prompt. Raises CheckFailed."""
        if any(len(prompt) > MAX_LETTERS for prompt in prompts):
            raise CheckFailed(f"a prompt has more than {MAX_LETTERS} characters; shorten it")
        found = [self._named(prompt, policy.NAMES, circumstances) for prompt in prompts]
        for index, reads in ((self._meaning, has_latin), (self._foreign, is_foreign)):
            if index is None:
                continue
            places = [place for place, prompt in enumerate(prompts) if reads(prompt)]
            described = index.find([prompts[place] for place in places])
            for place, hits in zip(places, described, strict=True):
                found[place] += self._described(hits, found[place], circumstances)
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


class _Foreign:
    """Descriptions in other languages; indexed when the first such text comes.

    Embedding the cards a second time would keep every new installation waiting at its start.
    """

    def __init__(self, registry: Registry, embed: Embed) -> None:
        self._registry = registry
        self._embed = embed
        self._building = threading.Lock()
        self._index: MeaningIndex | None = None

    def find(self, texts: Sequence[str]) -> list[tuple[MeaningHit, ...]]:
        """As `MeaningIndex.find`. Raises CheckFailed."""
        if not texts:
            return []
        with self._building:
            if self._index is None:
                self._index = MeaningIndex(
                    self._registry, self._embed, score=score_from_foreign_evidence
                )
        return self._index.find(texts)


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
