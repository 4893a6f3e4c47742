"""Which texts are not English: those go to the multilingual model too.

A text counts as foreign when one of its sentences is mostly made of words that are not ordinary
English ones; so English around a foreign sentence hides nothing, and a made-up word costs no more
than a second look. Invariant: pure; a text without letters is not foreign.
"""

from __future__ import annotations

import string
import unicodedata
from typing import Final

from telecine_safeguards.prompt.normalize import Reading, normalize
from telecine_safeguards.prompt.ordinary import is_english
from telecine_safeguards.prompt.windows import sentence_spans

MIN_ENGLISH_SHARE: Final = 0.5
"""Of VBench's 3,557 English prompts 8 have a sentence below it."""
MIN_LETTERS: Final = 3
"""Shorter words tell no language: `in`, `a`, `de`."""
MIN_PROSE_WORDS: Final = 5
"""A misspelt name alone is no language."""
_LATIN: Final = frozenset(string.ascii_letters)


def is_foreign(text: str) -> bool:
    """Whether a sentence of the text is not English."""
    return any(_is_foreign(text[start:end]) for start, end in sentence_spans(text))


def foreign_prose(text: str) -> list[tuple[int, int]]:
    """Start and end of each sentence that is long enough to say that it is not English."""
    return [
        (start, end)
        for start, end in sentence_spans(text)
        if len(text[start:end].split()) >= MIN_PROSE_WORDS and _is_foreign(text[start:end])
    ]


def has_latin(text: str) -> bool:
    """Whether the English model can read anything of it: of other scripts it knows no words."""
    return any(map(_LATIN.__contains__, unicodedata.normalize("NFKC", text)))


def _is_foreign(sentence: str) -> bool:
    words = [
        word
        for word in normalize(sentence, Reading.PLAIN).text.split(" ")
        if len(word) >= MIN_LETTERS or not word.isascii()
    ]
    num_english = sum(map(is_english, words))
    return bool(words) and num_english < MIN_ENGLISH_SHARE * len(words)
