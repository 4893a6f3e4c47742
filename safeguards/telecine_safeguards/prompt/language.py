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
"""Of VBench's 3,557 English prompts 1.4 % have a sentence below it."""
_LATIN: Final = frozenset(string.ascii_letters)


def is_foreign(text: str) -> bool:
    """Whether a sentence of the text is not English."""
    return any(_is_foreign(text[start:end]) for start, end in sentence_spans(text))


def has_latin(text: str) -> bool:
    """Whether the English model can read anything of it: of other scripts it knows no words."""
    return any(map(_LATIN.__contains__, unicodedata.normalize("NFKC", text)))


def _is_foreign(sentence: str) -> bool:
    words = [word for word in normalize(sentence, Reading.PLAIN).text.split(" ") if word]
    num_english = sum(map(is_english, words))
    return bool(words) and num_english < MIN_ENGLISH_SHARE * len(words)
