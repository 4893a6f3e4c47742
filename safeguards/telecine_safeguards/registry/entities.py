"""The protected entities and the registry that holds them.

Invariant: these records come from `load.py`, which has checked them; they hold names and hashes,
never artwork.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class EntityKind(StrEnum):
    """What an entity is; the policy has one rule for each."""

    CHARACTER = "character"
    PERSON = "person"
    BRAND = "brand"
    STYLE = "style"
    WORK = "work"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One protected person, character, brand, style or work."""

    id: str
    kind: EntityKind
    name: str
    rights_holder: str
    aliases: tuple[str, ...] = ()
    """Other names, in any script."""
    ambiguous: bool = False
    """Whether the names are also ordinary words (Link, Apple): then they need a context word."""
    context_words: tuple[str, ...] = ()
    """Words of which one must stand elsewhere in the prompt. Never empty when ambiguous."""
    reference_hashes: tuple[str, ...] = ()
    """PDQ hashes of registered artwork, 64 hexadecimal digits each."""

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *self.aliases)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """All entities in force at one moment."""

    version: str
    """What the operator called it, and a digest of its content: `starter-1+1f0a9c3b77de`."""
    entities: tuple[Entity, ...]
