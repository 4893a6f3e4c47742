"""Decides whether letters that spell a name stand there as that name.

The search ignores gaps, so it also meets `lassi` inside "classic" and `nova` across "in no vain".
Invariant: a name in its own spelling between two gaps always counts.
"""

from __future__ import annotations

from typing import Final

from telecine_safeguards.prompt.normalize import Normalized, has_cjk

MIN_SPLIT_LETTERS: Final = 6
"""From here on `bat man` counts as `batman`; shorter names meet by chance."""
MIN_INSIDE_LETTERS: Final = 7
"""From here on a name counts inside a longer word: `pikachuland`."""


def stands_as_name(words: str, normalized: Normalized, start: int, end: int) -> bool:
    """Judge `normalized.text[start:end]`, whose letters are those of the normalised name `words`.

    In order: names in CJK need no boundary; long names count inside a word; all others must begin
    and end with a word, and a short one may be split only letter by letter (`E l s a`) or without
    white space (`El.sa`).
    """
    span = normalized.text[start:end]
    num_letters = len(span.replace(" ", ""))
    is_whole = " " not in span
    if has_cjk(words) and (is_whole or span == words):
        return True
    if is_whole and num_letters >= MIN_INSIDE_LETTERS:
        return True
    if not stands_apart(normalized, start, end):
        return False
    return (
        is_whole
        or span == words
        or num_letters >= MIN_SPLIT_LETTERS
        or all(len(piece) <= 2 for piece in span.split())
        or not any(map(str.isspace, normalized.original_span(start, end)))
    )


def stands_apart(normalized: Normalized, start: int, end: int) -> bool:
    """Whether words begin at `start` and end at `end`, in true letters."""
    return _starts_word(normalized, start) and _ends_word(normalized, end)


def _starts_word(normalized: Normalized, start: int) -> bool:
    word_start = normalized.text.rfind(" ", 0, start) + 1
    return not _has_letter(normalized, word_start, start)


def _ends_word(normalized: Normalized, end: int) -> bool:
    """A plural ends a word too: `Batmans`."""
    gap = normalized.text.find(" ", end)
    word_end = len(normalized.text) if gap < 0 else gap
    is_plural = normalized.text[end:word_end] in ("s", "es")
    return is_plural or not _has_letter(normalized, end, word_end)


def _has_letter(normalized: Normalized, start: int, end: int) -> bool:
    """Whether true letters stand there: `2` and `!` at a word's edge do not make it another."""
    return any(normalized.original[origin].isalpha() for origin in normalized.origins[start:end])
