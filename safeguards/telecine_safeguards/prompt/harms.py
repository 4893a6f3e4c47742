"""What a video service must refuse, whoever's it is: the same search as for the registry's names.

Each harm has phrases, cards and decoys in `harms.jsonl`, written by us; phrases of `combined` count
only beside a context word (naked + child). An operator adds a classifier of their own by
`HarmClassifier`. Invariant: harms have no rights holder and no grant can allow them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Annotated, Protocol

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from telecine_safeguards.registry.entities import Entity, EntityKind, Registry
from telecine_safeguards.verdict import Finding

KIND = "harm"
VERSION = "harms-1"
MIN_DESCRIPTION_SCORE = 0.5
"""Harder than for entities: what is near to a harm is often a film's plot. On the development set
no benign prompt reaches it."""
_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2)]


class HarmClassifier(Protocol):
    """A judge of harms that an operator plugs in, as a guard model."""

    def __call__(self, texts: Sequence[str]) -> Sequence[tuple[Finding, ...]]:
        """Give the findings of each text, with check `harms`; an exception means "no answer"."""


class _HarmRow(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: _Text
    name: _Text
    phrases: list[_Text] = Field(min_length=1)
    combined: list[_Text]
    context_words: list[_Text]
    cards: list[_Text] = Field(min_length=1)
    decoys: list[_Text] = Field(min_length=1)
    attributes: list[_Text]


@cache
def harms_registry() -> Registry:
    """The harms in the shape that the indexes take; kind and holder mean nothing there."""
    content = resources.files(__package__).joinpath("harms.jsonl").read_text(encoding="utf-8")
    rows = [_HarmRow.model_validate_json(line) for line in content.splitlines()]
    return Registry(
        version=VERSION, entities=tuple(entity for row in rows for entity in _entities(row))
    )


@cache
def harm_ids() -> frozenset[str]:
    """The ids that no registry may use."""
    return frozenset(entity.id for entity in harms_registry().entities)


def finding_from_harm(entity: Entity, *, score: float, matched: str, check: str) -> Finding:
    """Say which harm was seen."""
    return Finding(
        check=check,
        score=score,
        entity_id=entity.id.removesuffix(_COMBINED),
        entity_name=entity.name,
        entity_kind=KIND,
        matched=matched,
    )


_COMBINED = "+combined"


def _entities(row: _HarmRow) -> list[Entity]:
    plain = Entity(
        id=row.id,
        kind=EntityKind.WORK,
        name=row.name,
        rights_holder="-",
        aliases=tuple(row.phrases),
        cards=tuple(row.cards),
        decoys=tuple(row.decoys),
        attributes=tuple(row.attributes),
    )
    if not row.combined:
        return [plain]
    combined = Entity(
        id=row.id + _COMBINED,
        kind=EntityKind.WORK,
        name=row.name,
        rights_holder="-",
        aliases=tuple(row.combined),
        ambiguous=True,
        context_words=tuple(row.context_words),
    )
    return [plain, combined]
