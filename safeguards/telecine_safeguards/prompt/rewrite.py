"""Puts a generic description in the place of what is protected, and says what was changed.

Pure. A rewrite alone does not keep an entity out (arXiv 2406.14526, "Fantastic Copyrighted
Beasts": it needs a negative prompt with the entity's keywords beside it), so the entity's name and
attributes go to the negative prompt. Invariant: text outside the replaced spans stays as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from telecine_safeguards.registry.entities import Entity


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """One entity and where it stands in the prompt."""

    entity: Entity
    spans: tuple[tuple[int, int], ...]


def rewritten(prompt: str, replacements: Sequence[Replacement]) -> str:
    """Put each entity's generic description at its spans. Of overlapping spans the longer wins."""
    places = [
        (start, end, replacement.entity.generic)
        for replacement in replacements
        for start, end in replacement.spans
    ]
    kept: list[tuple[int, int, str]] = []
    for start, end, generic in sorted(places, key=lambda place: (place[0] - place[1], place)):
        if all(end <= other_start or other_end <= start for other_start, other_end, _ in kept):
            kept.append((start, end, generic))
    for start, end, generic in sorted(kept, reverse=True):
        prompt = f"{prompt[:start]}{generic}{prompt[end:]}"
    return prompt


def negative_words(entities: Sequence[Entity]) -> str:
    """The entities' names and attributes, once each, for the negative prompt."""
    words = [word for entity in entities for word in (entity.name, *entity.attributes)]
    return ", ".join(dict.fromkeys(words))
