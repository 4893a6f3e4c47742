"""Which words are ordinary, so that they are not taken for somebody's misspelt name."""

from __future__ import annotations

from functools import cache, lru_cache
from importlib import resources

from telecine_safeguards.prompt.normalize import normalize

MIN_STEM_LETTERS = 5
"""Shorter words are in the list with their endings, and `thans` is Thanos."""


@cache
def _skeletons(file: str) -> frozenset[str]:
    text = resources.files(__package__).joinpath(file).read_text(encoding="utf-8")
    words = [
        word for line in text.splitlines() if not line.startswith("#") for word in line.split()
    ]
    return frozenset(normalize(" ".join(words)).text.split(" "))


@lru_cache(maxsize=65536)
def is_ordinary(skeleton: str) -> bool:
    """Whether a skeleton word is an ordinary one: an English one, or common in seven others."""
    return is_english(skeleton) or skeleton in _skeletons("foreign_words.txt")


@lru_cache(maxsize=65536)
def is_english(skeleton: str) -> bool:
    """Whether a skeleton word is an ordinary English word, or one with an ordinary ending."""
    words = _skeletons("ordinary_words.txt")
    return skeleton in words or any(
        skeleton.endswith(ending)
        and len(skeleton) - len(ending) >= MIN_STEM_LETTERS
        and skeleton.removesuffix(ending) in words
        for ending in ("s", "es", "ed", "ing", "er", "iy", "ers")
    )
