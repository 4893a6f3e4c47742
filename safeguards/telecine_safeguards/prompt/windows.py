"""Cuts a prompt into the sentences that are compared with descriptions.

Invariant: every word is in a window, and a window knows where it stands in the prompt.
"""

from __future__ import annotations

import re
from typing import Final

MAX_WORDS: Final = 40
"""The embedding model was trained on texts of this size; a longer sentence is cut."""
MAX_WINDOWS: Final = 200
"""A prompt of more sentences is refused: 8,000 words are no prompt."""
_SENTENCE: Final = re.compile(r"[^.!?;。！？；\n]+[.!?;。！？；\n]*")
_WORD: Final = re.compile(r"\S+")


def sentence_spans(text: str) -> tuple[tuple[int, int], ...]:
    """Start and end of each sentence, in order; none for a text without words."""
    spans = []
    for sentence in _SENTENCE.finditer(text):
        words = list(_WORD.finditer(text, sentence.start(), sentence.end()))
        for first in range(0, len(words), MAX_WORDS):
            run = words[first : first + MAX_WORDS]
            spans.append((run[0].start(), run[-1].end()))
    return tuple(spans)
