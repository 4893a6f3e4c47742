"""From what was seen to whose it is: everything of moderation that depends on the registry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from telecine_safeguards import policy
from telecine_safeguards.output.copies import Copies
from telecine_safeguards.output.faces import face_findings, faces_of
from telecine_safeguards.output.fingerprint import query_from_sample
from telecine_safeguards.output.nudity import nudity_findings, shows_nudity
from telecine_safeguards.output.pdq import words_from_hex
from telecine_safeguards.output.sample import Sample
from telecine_safeguards.output.sightings import Sighting
from telecine_safeguards.output.sounds import Heard
from telecine_safeguards.policy_rules import Circumstances, Seen
from telecine_safeguards.prompt.find import Finder
from telecine_safeguards.registry.entities import Registry
from telecine_safeguards.registry.force import is_protected
from telecine_safeguards.verdict import Finding


class Known:
    """The indexes of one registry: reference media, names, faces."""

    def __init__(self, registry: Registry) -> None:
        self.version = registry.version
        self._entities = {entity.id: entity for entity in registry.entities}
        self._works = [entity for entity in registry.entities if entity.reference_hashes]
        self._copies = Copies([words_from_hex(each.reference_hashes) for each in self._works])
        self._persons = [entity for entity in registry.entities if entity.face_embedding]
        self._names = Finder(registry)

    def copied(self, sample: Sample, circumstances: Circumstances) -> list[Seen]:
        """Whose reference media the clip copies."""
        if not self._works:
            return []
        findings: list[Finding] = []
        shown: list[tuple[Sighting, ...]] = []
        for copy in self._copies.find(query_from_sample(sample)):
            work = self._works[copy.owner]
            findings.append(
                Finding(
                    check=policy.FINGERPRINT,
                    score=copy.score,
                    entity_id=work.id,
                    entity_name=work.name,
                    entity_kind=work.kind.value,
                    rights_holder=work.rights_holder,
                    matched=f"frame {copy.frame_number}",
                )
            )
            frame = Sighting(frame=copy.frame_number, score=copy.score, label=policy.FINGERPRINT)
            shown.append((frame,))
        return self._seen(findings, shown, circumstances)

    def recognised(
        self, check: str, sightings: Sequence[Sighting], circumstances: Circumstances
    ) -> list[Seen]:
        """What the sightings of one check mean."""
        match check:
            case policy.NUDITY:
                findings = nudity_findings(sightings)
                nude = [each for each in sightings if shows_nudity(each)]
                shown = [
                    tuple(each for each in nude if finding.matched == f"frame {each.frame}")
                    for finding in findings
                ]
                return self._seen(findings, shown, circumstances)
            case policy.FACES:
                findings = face_findings(sightings, self._persons)
                shown = [self._faces_of(finding, sightings) for finding in findings]
                return self._seen(findings, shown, circumstances)
            case policy.TEXT:
                return self._written(sightings, circumstances)
            case plugin:
                surest = _surest(sightings)
                findings = tuple(_plugin_finding(plugin, each) for each in surest.values())
                shown = [
                    tuple(each for each in sightings if each.label == label) for label in surest
                ]
                return self._seen(findings, shown, circumstances)

    def heard(
        self, answers: Sequence[tuple[str, tuple[Heard, ...]]], circumstances: Circumstances
    ) -> list[Seen]:
        """What the sounds mean that each listener heard: names that are said, and all the rest."""
        if not answers:
            return [Seen(finding=Finding(check=policy.UNHEARD, score=1.0, matched="its sound"))]
        seen = []
        for plugin, sounds in answers:
            seen += self._spoken([each for each in sounds if each.text], circumstances)
            for label, own in _by_label([each for each in sounds if not each.text]).items():
                surest = max(own, key=lambda each: each.score)
                matched = f"{surest.start_s:.1f} s: {plugin} {label}"
                finding = Finding(check=policy.SOUND, score=surest.score, matched=matched)
                seen.append(Seen(finding=finding, sounds=own))
        return seen

    def _spoken(self, said: Sequence[Heard], circumstances: Circumstances) -> list[Seen]:
        """Protected names in the words of the whole clip, so that a pause in one hides nothing."""
        (found,) = self._names.find([" ".join(each.text for each in said)], circumstances)
        return [
            replace(
                each,
                finding=replace(each.finding, check=policy.SPOKEN),
                spans=(),
                sounds=tuple(said),
            )
            for each in found
            if each.finding.check == policy.NAMES
        ]

    def _written(self, sightings: Sequence[Sighting], circumstances: Circumstances) -> list[Seen]:
        """Protected names in the words of each frame, read together."""
        found: dict[str | None, Seen] = {}
        for frame in sorted({each.frame for each in sightings}):
            in_frame = tuple(each for each in sightings if each.frame == frame)
            text = " ".join(each.text for each in in_frame)
            (seen,) = self._names.find([text], circumstances)
            for each in seen:
                if each.finding.check == policy.NAMES:
                    matched = f"frame {frame}: {each.finding.matched}"
                    finding = replace(each.finding, check=policy.TEXT, matched=matched)
                    known = found.get(finding.entity_id)
                    if known is None:
                        new = replace(each, finding=finding, spans=(), sightings=in_frame)
                        found[finding.entity_id] = new
                    else:
                        more = (*known.sightings, *in_frame)
                        found[finding.entity_id] = replace(known, sightings=more)
        return list(found.values())

    def _faces_of(self, finding: Finding, sightings: Sequence[Sighting]) -> tuple[Sighting, ...]:
        person = self._entities.get(finding.entity_id or "")
        return tuple(sightings) if person is None else faces_of(sightings, person)

    def _seen(
        self,
        findings: Sequence[Finding],
        shown: Sequence[tuple[Sighting, ...]],
        circumstances: Circumstances,
    ) -> list[Seen]:
        """What is protected here and now, with its status; what names no entity counts always."""
        seen = []
        for finding, sightings in zip(findings, shown, strict=True):
            entity = self._entities.get(finding.entity_id or "")
            if entity is None:
                seen.append(Seen(finding=finding, sightings=sightings))
            elif is_protected(entity, region=circumstances.region, today=circumstances.now.date()):
                seen.append(Seen(finding=finding, status=entity.status, sightings=sightings))
        return seen


def _by_label(sounds: Sequence[Heard]) -> dict[str, tuple[Heard, ...]]:
    labels = dict.fromkeys(each.label for each in sounds)
    return {label: tuple(each for each in sounds if each.label == label) for label in labels}


def _surest(sightings: Sequence[Sighting]) -> dict[str, Sighting]:
    """The surest sighting of each label; a plug-in reports only what it is meant to find."""
    surest: dict[str, Sighting] = {}
    for sighting in sightings:
        known = surest.get(sighting.label)
        if known is None or sighting.score > known.score:
            surest[sighting.label] = sighting
    return surest


def _plugin_finding(plugin: str, sighting: Sighting) -> Finding:
    return Finding(
        check=policy.PLUGIN,
        score=sighting.score,
        matched=f"frame {sighting.frame}: {plugin} {sighting.label}",
    )
