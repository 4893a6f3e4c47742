"""The words that a description is made of, and how much each says.

Ordinary words ("red", "hat") say little, rare ones ("triforce") much: the weight is the inverse
document frequency over the starter registry's descriptions (K. Spärck Jones, Journal of
Documentation 28(1), 1972). Words are skeletons, so that look-alike letters and leet change nothing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from typing import Final

from telecine_safeguards.prompt.normalize import normalize
from telecine_safeguards.registry.entities import Entity, EntityKind
from telecine_safeguards.registry.load import starter_registry

_ENDINGS: Final = ("ing", "ed", "es", "s", "iy", "y", "e")
"""Cut off when 3 letters stay; `l` is `i` in skeletons, so `iy` is -ly."""

_EMPTY_WORDS: Final = frozenset(
    normalize(
        "a an the of in on at and or with to from by for his her its their he she it they is are"
        " was were be as into over under up down out off who that which this these those one two"
        " three while behind beside near very some other all no not than then only like him them"
        " has have had wears wear wearing holds holding stands standing small big little large"
        " young old man woman boy girl person"
    ).text.split(" ")
)


def content_words(text: str) -> frozenset[str]:
    """The stems of the words that say something. Text of one script without spaces gives few."""
    return frozenset(
        _stem(word)
        for word in normalize(text.replace("'s ", " ")).text.split(" ")
        if len(word) > 1 and word not in _EMPTY_WORDS
    )


class Vocabulary:
    """Weights of words over a registry's descriptions."""

    def __init__(self, descriptions: Sequence[Iterable[str]]) -> None:
        """Count in how many entities each word stands; one collection of words for each."""
        num_entities = max(1, len(descriptions))
        counts = Counter(word for words in descriptions for word in set(words))
        self._unseen = math.log(num_entities)
        self._weights = {
            word: max(0.0, math.log(num_entities / (1 + count))) for word, count in counts.items()
        }

    def weight(self, words: Iterable[str]) -> float:
        """The sum of the words' weights."""
        return sum(self._weights.get(word, self._unseen) for word in words)


def described_words(entity: Entity) -> frozenset[str]:
    """The words of an entity's cards and attributes."""
    return content_words(" ".join((*entity.cards, *entity.attributes)))


@cache
def starter_vocabulary() -> Vocabulary:
    """The weights over the starter registry: fixed, because the calibration was made with them."""
    return Vocabulary(
        [
            described_words(entity)
            for entity in starter_registry().entities
            if entity.kind is not EntityKind.STYLE
        ]
    )


@lru_cache(maxsize=65536)
def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word.removesuffix(ending)
    return word
