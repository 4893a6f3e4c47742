"""Finds the registry's names in a text, however they are written.

One Aho-Corasick pass over the text without its gaps sees every spelling at once; whether a hit
counts is then a rule about its boundaries. What sounds alike or has one wrong letter is looked up
by hash. Invariant: no name of the registry is silently impossible to find.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import ahocorasick

from telecine_safeguards.errors import RegistryError
from telecine_safeguards.prompt.boundaries import stands_apart, stands_as_name
from telecine_safeguards.prompt.language import foreign_prose
from telecine_safeguards.prompt.misspelt import Misspellings
from telecine_safeguards.prompt.normalize import Normalized, Reading, has_cjk, normalize
from telecine_safeguards.prompt.ordinary import is_ordinary
from telecine_safeguards.registry.entities import Entity, EntityStatus, Registry

MIN_NAME_LETTERS: Final = 2
"""One letter alone would match anywhere in a spaced-out text."""
MIN_FOREIGN_LETTERS: Final = 7
"""From here on a misspelt name counts in a sentence that is not English: `canta` is not Fanta."""
MIN_REVERSED_LETTERS: Final = 6
"""Shorter names backwards are other words (`amos`, `aide`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NameHit:
    """A name of an entity, seen in a text."""

    entity: Entity
    matched: str
    """The caller's own words."""
    score: float
    """1 for an exact skeleton, less for a misspelling."""
    spans: tuple[tuple[int, int], ...]
    """Every place in the text where a name of the entity stands, as sure as this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """One name of one entity."""

    entity: Entity
    words: str
    """Normalised, with single spaces."""

    has_digits: bool
    needs_context: bool

    @property
    def key(self) -> str:
        return self.words.replace(" ", "")

    def may_stand(self, normalized: Normalized, start: int, end: int) -> bool:
        """Whether these letters are the name, not another word: `windowsill` is no Windows 11."""
        span = normalized.text[start:end]
        if self.has_digits and not stands_apart(normalized, start, end):
            return False
        if " " in self.words and " " not in span and is_ordinary(span):
            return False
        return stands_as_name(self.words, normalized, start, end)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hit:
    name: Name
    start: int
    end: int
    score: float


class NameIndex:
    """The names of one registry, compiled once. Withdrawn entities are not in it."""

    def __init__(self, registry: Registry) -> None:
        """Raises RegistryError for a name or context word without enough letters to be found."""
        entities = [
            entity for entity in registry.entities if entity.status is not EntityStatus.WITHDRAWN
        ]
        self._context = {
            entity.id: tuple(_words(entity, word) for word in entity.context_words)
            for entity in entities
            if entity.ambiguous
        }
        names = [
            Name(
                entity=entity,
                words=_words(entity, name),
                has_digits=any(map(str.isdecimal, name)),
                needs_context=entity.ambiguous and name not in entity.clear_names,
            )
            for entity in entities
            for name in entity.names
        ]
        self._names_by_key: dict[str, list[Name]] = {}
        for name in names:
            self._names_by_key.setdefault(name.key, []).append(name)
        self._automaton = ahocorasick.Automaton()
        for key in self._names_by_key:
            self._automaton.add_word(key, key)
        self._automaton.make_automaton()
        self._misspellings = Misspellings(
            {
                key: names[0].words
                for key, names in self._names_by_key.items()
                if not has_cjk(key) and not any(name.has_digits for name in names)
            }
        )

    def find(self, text: str) -> tuple[NameHit, ...]:
        """Give at most one hit for each entity, exact before similar, in the order of the ids."""
        best: dict[str, NameHit] = {}
        spans: dict[str, set[tuple[int, int]]] = {}
        read: set[str] = set()
        for reading in Reading:
            if reading is Reading.SOUND and text.isascii():
                continue
            normalized = normalize(text, reading)
            if normalized.text in read or not self._names_by_key:
                continue
            read.add(normalized.text)
            for hit in (
                *self._exact(normalized),
                *self._backwards(normalized),
                *self._similar(normalized),
            ):
                if not self._has_context(normalized, hit):
                    continue
                entity = hit.name.entity
                start, end = normalized.origins[hit.start], normalized.origins[hit.end - 1] + 1
                if _is_foreign_word(hit, text, start, end):
                    continue
                is_better = entity.id not in best or best[entity.id].score < hit.score
                if is_better:
                    spans[entity.id] = set()
                if is_better or best[entity.id].score == hit.score:
                    spans[entity.id].add((start, end))
                if is_better:
                    best[entity.id] = NameHit(
                        entity=entity, matched=text[start:end], score=hit.score, spans=()
                    )
        return tuple(
            NameHit(
                entity=best[id_].entity,
                matched=best[id_].matched,
                score=best[id_].score,
                spans=tuple(sorted(spans[id_])),
            )
            for id_ in sorted(best)
        )

    def _exact(self, normalized: Normalized) -> Iterator[_Hit]:
        places = [place for place, char in enumerate(normalized.text) if char != " "]
        for last, key in self._automaton.iter(normalized.text.replace(" ", "")):
            start, end = places[last - len(key) + 1], places[last] + 1
            for name in self._names_by_key[key]:
                if name.may_stand(normalized, start, end):
                    yield _Hit(name=name, start=start, end=end, score=1.0)

    def _backwards(self, normalized: Normalized) -> Iterator[_Hit]:
        """Names written from right to left (`namtaB`), as whole words."""
        places = [place for place, char in enumerate(normalized.text) if char != " "][::-1]
        for last, key in self._automaton.iter(normalized.text.replace(" ", "")[::-1]):
            if len(key) < MIN_REVERSED_LETTERS or has_cjk(key):
                continue
            start, end = places[last], places[last - len(key) + 1] + 1
            if f" {normalized.text} "[start : end + 2 : end + 1 - start] == "  ":
                for name in self._names_by_key[key]:
                    yield _Hit(name=name, start=start, end=end, score=0.95)

    def _similar(self, normalized: Normalized) -> Iterator[_Hit]:
        for near in self._misspellings.find(normalized.text):
            for name in self._names_by_key[near.key]:
                if name.words.count(" ") <= near.num_words <= name.words.count(" ") + 1:
                    yield _Hit(name=name, start=near.start, end=near.end, score=near.score)

    def _has_context(self, normalized: Normalized, hit: _Hit) -> bool:
        if not hit.name.needs_context:
            return True
        rest = f" {normalized.text[: hit.start]} {normalized.text[hit.end :]} "
        return any(
            (word if has_cjk(word) else f" {word} ") in rest
            for word in self._context[hit.name.entity.id]
        )


def _is_foreign_word(hit: _Hit, text: str, start: int, end: int) -> bool:
    """Whether a short misspelling stands among words of another language: it is one of them."""
    if hit.score == 1.0 or len(hit.name.key) >= MIN_FOREIGN_LETTERS:
        return False
    return any(first <= start and end <= last for first, last in foreign_prose(text))


def _words(entity: Entity, name: str) -> str:
    words = normalize(name).text
    if len(words.replace(" ", "")) < MIN_NAME_LETTERS:
        raise RegistryError(
            f"entity {entity.id!r}: {name!r} has fewer than {MIN_NAME_LETTERS} letters to look for;"
            " write it out or remove it"
        )
    return words
