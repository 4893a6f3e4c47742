"""Finds the registry's names in a text, however they are written.

One Aho-Corasick pass over the text without its gaps sees every spelling at once; whether a hit
counts is then a rule about its boundaries. Small misspellings are left to rapidfuzz. Invariant: no
name of the registry is silently impossible to find.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import ahocorasick
import numpy as np
from rapidfuzz import fuzz, process

from telecine_safeguards.errors import RegistryError
from telecine_safeguards.prompt.boundaries import stands_as_name
from telecine_safeguards.prompt.normalize import Normalized, Reading, has_cjk, normalize
from telecine_safeguards.registry.entities import Entity, Registry

MIN_NAME_LETTERS: Final = 2
"""One letter alone would match anywhere in a spaced-out text."""
MIN_FUZZY_LETTERS: Final = 7
"""At 6 `boatman` (in VBench) and the family name Bateman are taken for `batman`."""
MIN_FUZZY_RATIO: Final = 88
"""Per cent, rapidfuzz indel ratio: one letter missing or added from 7 letters on, one letter
changed, or two swapped, from 9 on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NameHit:
    """A name of an entity, seen in a text."""

    entity: Entity
    matched: str
    """The caller's own words."""
    score: float
    """1 for an exact skeleton, else the similarity, 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Name:
    entity: Entity
    words: str
    """Normalised, with single spaces."""

    @property
    def key(self) -> str:
        return self.words.replace(" ", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hit:
    name: _Name
    start: int
    end: int
    score: float


class NameIndex:
    """The names of one registry, compiled once."""

    def __init__(self, registry: Registry) -> None:
        """Raises RegistryError for a name or context word without enough letters to be found."""
        self._context = {
            entity.id: tuple(_words(entity, word) for word in entity.context_words)
            for entity in registry.entities
        }
        names = [
            _Name(entity=entity, words=_words(entity, name))
            for entity in registry.entities
            for name in entity.names
        ]
        self._names_by_key: dict[str, list[_Name]] = {}
        for name in names:
            self._names_by_key.setdefault(name.key, []).append(name)
        self._automaton = ahocorasick.Automaton()
        for key in self._names_by_key:
            self._automaton.add_word(key, key)
        self._automaton.make_automaton()
        self._fuzzy_names = _fuzzy_names_by_num_words(names)

    def find(self, text: str) -> tuple[NameHit, ...]:
        """Give at most one hit for each entity, exact before similar, in the order of the ids."""
        hits: dict[str, NameHit] = {}
        for reading in Reading:
            normalized = normalize(text, reading)
            for hit in (*self._exact(normalized), *self._similar(normalized)):
                entity = hit.name.entity
                known = hits.get(entity.id)
                if (known is None or known.score < hit.score) and self._has_context(
                    normalized, hit
                ):
                    hits[entity.id] = NameHit(
                        entity=entity,
                        matched=normalized.original_span(hit.start, hit.end),
                        score=hit.score,
                    )
        return tuple(hits[id_] for id_ in sorted(hits))

    def _exact(self, normalized: Normalized) -> Iterator[_Hit]:
        if not self._names_by_key:
            return
        places = [place for place, char in enumerate(normalized.text) if char != " "]
        for last, key in self._automaton.iter(normalized.text.replace(" ", "")):
            start, end = places[last - len(key) + 1], places[last] + 1
            for name in self._names_by_key[key]:
                if stands_as_name(name.words, normalized, start, end):
                    yield _Hit(name=name, start=start, end=end, score=1.0)

    def _similar(self, normalized: Normalized) -> Iterator[_Hit]:
        for num_words, names in self._fuzzy_names.items():
            windows = list(_windows(normalized.text, num_words))
            if not windows:
                continue
            ratios = process.cdist(
                [normalized.text[start:end].replace(" ", "") for start, end in windows],
                [name.key for name in names],
                scorer=fuzz.ratio,
                score_cutoff=MIN_FUZZY_RATIO,
                dtype=np.float32,
            )
            for row, column in np.argwhere(ratios):
                start, end = windows[row]
                score = float(ratios[row, column]) / 100
                yield _Hit(name=names[column], start=start, end=end, score=score)

    def _has_context(self, normalized: Normalized, hit: _Hit) -> bool:
        if not hit.name.entity.ambiguous:
            return True
        rest = f" {normalized.text[: hit.start]} {normalized.text[hit.end :]} "
        return any(
            (word if has_cjk(word) else f" {word} ") in rest
            for word in self._context[hit.name.entity.id]
        )


def _words(entity: Entity, name: str) -> str:
    words = normalize(name).text
    if len(words.replace(" ", "")) < MIN_NAME_LETTERS:
        raise RegistryError(
            f"entity {entity.id!r}: {name!r} has fewer than {MIN_NAME_LETTERS} letters to look for;"
            " write it out or remove it"
        )
    return words


def _fuzzy_names_by_num_words(names: Sequence[_Name]) -> Mapping[int, Sequence[_Name]]:
    """Names by how many words of a text to compare them with: their own number, or one less."""
    by_num_words: dict[int, list[_Name]] = {}
    for name in names:
        if has_cjk(name.words) or len(name.key) < MIN_FUZZY_LETTERS:
            continue
        num_words = name.words.count(" ") + 1
        for num in {num_words, max(1, num_words - 1)}:
            by_num_words.setdefault(num, []).append(name)
    return by_num_words


def _windows(text: str, num_words: int) -> Iterator[tuple[int, int]]:
    starts = [0, *(place + 1 for place, char in enumerate(text) if char == " ")]
    ends = [*(start - 1 for start in starts[1:]), len(text)]
    return zip(starts, ends[num_words - 1 :], strict=False)
