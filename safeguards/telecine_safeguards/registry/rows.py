"""The outside shape of entities and grants: checked rows <-> frozen records.

Invariant: an unknown key, a blank name or an ambiguous name without context words is refused here,
whatever the file was: YAML, JSON Lines or a signed export.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from telecine_safeguards.registry.entities import Entity, EntityKind, EntityStatus, Grant

_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
_PdqHex = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
FACE_DIMS = 128


class EntityRow(BaseModel):
    """One entity as files carry it."""

    model_config = ConfigDict(extra="forbid")

    id: _Text
    kind: EntityKind
    name: _Text
    rights_holder: _Text
    status: EntityStatus = EntityStatus.VERIFIED
    aliases: list[_Text] = []
    ambiguous: bool = False
    clear_names: list[_Text] = []
    context_words: list[_Text] = []
    cards: list[_Text] = []
    decoys: list[_Text] = []
    attributes: list[_Text] = []
    generic: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)] = ""
    jurisdictions: list[_Text] = []
    term_starts_on: date | None = None
    term_ends_on: date | None = None
    reference_hashes: list[_PdqHex] = []
    face_embedding: list[float] = Field(default=[], max_length=FACE_DIMS)

    @model_validator(mode="after")
    def _can_match(self) -> EntityRow:
        if self.ambiguous and not self.context_words:
            raise ValueError(
                "is ambiguous without context words and could never match; add context_words,"
                " or set ambiguous: false"
            )
        if unknown := set(self.clear_names) - {self.name, *self.aliases}:
            raise ValueError(f"clear_names {sorted(unknown)} are not among its name and aliases")
        if self.clear_names and not self.ambiguous:
            raise ValueError("clear_names are for an ambiguous entity; all its names are clear")
        if len(self.face_embedding) not in (0, FACE_DIMS):
            raise ValueError(f"face_embedding must hold {FACE_DIMS} numbers, or none")
        if self.term_starts_on and self.term_ends_on and self.term_ends_on < self.term_starts_on:
            raise ValueError("the term ends before it starts")
        return self


class GrantRow(BaseModel):
    """One grant as files carry it."""

    model_config = ConfigDict(extra="forbid")

    id: _Text
    entity_id: _Text
    tenant_id: _Text
    uses: list[_Text] = Field(min_length=1)
    regions: list[_Text] = []
    starts_at: AwareDatetime
    ends_at: AwareDatetime | None = None
    revoked_at: AwareDatetime | None = None
    price: Decimal = Field(default=Decimal(0), ge=0)
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = "USD"

    @model_validator(mode="after")
    def _lasts(self) -> GrantRow:
        if self.ends_at is not None and self.ends_at <= self.starts_at:
            raise ValueError("the grant ends before it starts")
        return self


def entity_from_row(row: EntityRow) -> Entity:
    """Freeze a checked row."""
    return Entity(**_frozen(row))


def grant_from_row(row: GrantRow) -> Grant:
    """Freeze a checked row."""
    return Grant(**_frozen(row))


def json_from_record(record: Entity | Grant) -> str:
    """Write one record as one line, keys in the order of its fields."""
    return json.dumps(asdict(record), ensure_ascii=False, default=str, separators=(",", ":"))


def _frozen(row: BaseModel) -> dict[str, Any]:  # Any: the values of a checked row
    return {
        field: tuple(value) if isinstance(value, list) else value
        for field, value in ((field, getattr(row, field)) for field in type(row).model_fields)
    }
