"""The protected entities, who may use them, and the registry that holds both.

Invariant: these records come from `load.py` or from the rights store, which have checked them; they
hold names, descriptions and hashes, never artwork.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum


class EntityKind(StrEnum):
    """What an entity is; the policy has rules for each."""

    CHARACTER = "character"
    PERSON = "person"
    BRAND = "brand"
    STYLE = "style"
    WORK = "work"


class EntityStatus(StrEnum):
    """How far a claim has come. Verified entities decide; proposed and disputed ones ask."""

    PROPOSED = "proposed"
    VERIFIED = "verified"
    DISPUTED = "disputed"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One protected person, character, brand, style or work."""

    id: str
    kind: EntityKind
    name: str
    rights_holder: str
    status: EntityStatus = EntityStatus.VERIFIED
    aliases: tuple[str, ...] = ()
    """Other names, in any script."""
    ambiguous: bool = False
    """Whether the names are also ordinary words (Link, Apple): then they need a context word."""
    clear_names: tuple[str, ...] = ()
    """Those of an ambiguous entity's names that mean nothing else (Apple Inc)."""
    context_words: tuple[str, ...] = ()
    """Words of which one must stand elsewhere in the prompt. Never empty when ambiguous."""
    cards: tuple[str, ...] = ()
    """How somebody would describe it without its name."""
    decoys: tuple[str, ...] = ()
    """Ordinary things close to it that must not be taken for it."""
    attributes: tuple[str, ...] = ()
    """Distinctive features; a description must show two of them."""
    generic: str = ""
    """What a rewrite puts in the name's place; empty: it cannot be rewritten."""
    jurisdictions: tuple[str, ...] = ()
    """Regions where it is protected; empty: everywhere."""
    term_starts_on: date | None = None
    term_ends_on: date | None = None
    """Protected from and until; None: no bound on that side."""
    reference_hashes: tuple[str, ...] = ()
    """PDQ hashes of registered artwork, 64 hexadecimal digits each."""
    face_embedding: tuple[float, ...] = ()
    """128 numbers, only with the person's consent; empty: none."""

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *self.aliases)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A licence or a person's consent: who may use which entity, for what, where, until when."""

    id: str
    entity_id: str
    tenant_id: str
    uses: tuple[str, ...]
    """Purposes that it covers, as `video`; a request names its own."""
    regions: tuple[str, ...] = ()
    """Empty: everywhere."""
    starts_at: datetime
    ends_at: datetime | None = None
    """None: until revoked."""
    revoked_at: datetime | None = None
    price: Decimal = Decimal(0)
    """For each use, in `currency`."""
    currency: str = "USD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """All entities and grants in force at one moment."""

    version: str
    """What the operator called it, and a digest of its content: `starter-1+1f0a9c3b77de`."""
    entities: tuple[Entity, ...]
    grants: tuple[Grant, ...] = ()
