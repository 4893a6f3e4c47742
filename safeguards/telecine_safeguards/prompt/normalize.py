"""Brings every way of writing a name to one skeleton, and remembers where each letter came from.

Compatibility forms (full-width, bold maths, circled), diacritics, zero-width characters,
look-alike letters and leet all end in the same letters. Names and prompts go through the same
function, so a skeleton need not be pretty: `l`, `i`, `1`, `!` and `|` are one letter here, as in
Unicode TR 39 ("confusable skeleton"). Invariant: pure and idempotent.
"""

from __future__ import annotations

import html
import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from typing import Final

FIRST_CJK: Final = "\u1100"
"""No letter before this one is CJK: most need no closer look."""


class Reading(StrEnum):
    """How to take digits and symbols, and letters of other scripts: `B4tman` needs the first,
    `Mickey2Mouse` the second, `Пикачу` the third."""

    LEET = "as the letters that they resemble"
    PLAIN = "as gaps between words"
    SOUND = "as LEET, but Cyrillic and Greek letters by their sound"


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalized:
    """A text as words of skeleton letters, one space between two words."""

    text: str
    origins: tuple[int, ...]
    """For each character of `text`, the index in the original that it came from."""
    original: str

    def original_span(self, start: int, end: int) -> str:
        """The caller's own characters behind `text[start:end]`."""
        return self.original[self.origins[start] : self.origins[end - 1] + 1]


def normalize(text: str, reading: Reading = Reading.LEET) -> Normalized:
    """Fold to skeleton words; a change between CJK and other scripts also parts two words."""
    return _normalize_ascii(text, reading) if text.isascii() else _normalize_any(text, reading)


def _normalize_ascii(text: str, reading: Reading) -> Normalized:
    """The same at a tenth of the time: each character folds to one letter or a gap."""
    words = list(_WORD.finditer(text.translate(_ascii_table(reading))))
    origins: list[int] = []
    for word in words:
        origins += range(word.start(), word.end() + 1)  # a gap comes from what ends the word
    return Normalized(
        text=" ".join(word[0] for word in words), origins=tuple(origins[:-1]), original=text
    )


def _normalize_any(text: str, reading: Reading) -> Normalized:
    letters: list[str] = []
    origins: list[int] = []
    for index, char in enumerate(text):
        for letter in _fold(char, reading):
            is_gap = letter == " "
            last = letters[-1] if letters else " "
            if is_gap and last == " ":
                continue
            is_plain = is_gap or (letter < FIRST_CJK and last < FIRST_CJK)
            if not is_plain and last != " " and is_cjk(letter) != is_cjk(last):
                letters.append(" ")
                origins.append(index)
            letters.append(letter)
            origins.append(index)
    if letters and letters[-1] == " ":
        letters.pop()
        origins.pop()
    return Normalized(text="".join(letters), origins=tuple(origins), original=text)


def resolve_entities(text: str) -> str:
    """Turn HTML entities into their characters, however often they were escaped.

    Wan's text encoder does so twice (`prompt_clean` in diffusers' `pipeline_wan.py`), so
    `&amp;#66;atman` would reach it as a name.
    """
    while (resolved := html.unescape(text)) != text:
        text = resolved
    return text


def is_cjk(char: str) -> bool:
    """Whether the script writes no spaces between words: Han, kana, Hangul (jamo after NFKD)."""
    return (
        "\u1100" <= char <= "\u11ff"
        or "\u3005" <= char <= "\u318f"
        or "\u31f0" <= char <= "\u9fff"
        or "\uac00" <= char <= "\ud7ff"
        or "\U00020000" <= char <= "\U0003ffff"
    )


def has_cjk(text: str) -> bool:
    """Whether any of it is written in such a script."""
    return not text.isascii() and any(map(is_cjk, text))


_LEET: Final = str.maketrans("0123456789@$!|+€¢¥£", "oizeasgtbgasiitecyi")
"""Digits and symbols by the letter that they are drawn like."""

_SHAPES: Final = {
    "a": "аАαΑᎪꓮɑ",
    "ae": "æӕ",
    "b": "вВьЬβΒᏴꓐ",
    "c": "сСᏟꓚ",
    "d": "ԁԀδᎠꓓðđ",
    "e": "еЕзЗεΕᎬꓰə",
    "f": "ꓝ",
    "g": "ԍԌᏀꓖց",
    "h": "һҺНнΗᎻꓧհ",
    "i": "lіІӏӀιΙᎥᏞꓲꓡɩɪǀ∣",
    "j": "јЈᎫꓙ",
    "k": "кКκΚᏦꓗ",
    "m": "мМΜᎷꓟ",
    "n": "пПиИηΝꓠոռ",
    "o": "оОοΟσօՕꓳ",
    "oe": "œ",
    "p": "рРρΡᏢꓑ",
    "q": "ԛԚզ",
    "r": "гГґҐяЯᎡꓣ",
    "s": "ѕЅᏚꓢ",
    "t": "тТτΤᎢꓔ",
    "u": "υμսՍꓴ",
    "v": "ѵѴνᏙꓦ",
    "w": "ԝԜωᎳꓪ",
    "x": "хХχΧꓫ",
    "y": "уУүҮγΥᎩꓬ",
    "z": "ζΖᏃꓜ",
}
"""Letters of other scripts by the Latin letter that they are drawn like: Cyrillic, Greek, Armenian,
Cherokee, Lisu. Written from their shapes; a subset of the table of Unicode TR 39."""

_SOUNDS: Final = dict(
    zip(
        "абвгдезийклмнопрстуфхцчшщъыьэіїёґαβγδεζηθικλμνξοπρσςτυφχψω",
        "a b v g d e z i i k l m n o p r s t u f h c ch sh sh - i - e i i e g"
        " a v g d e z i th i k l m n x o p r s s t i f h ps o".replace("-", "_").split(),
        strict=True,
    )
) | {"ж": "zh", "ю": "iu", "я": "ia", "ъ": "", "ь": ""}
"""Cyrillic and Greek by sound, near to BGN/PCGN romanisation without its marks."""

_LOOK_ALIKES: Final = {char: letter for letter, chars in _SHAPES.items() for char in chars}

_INVISIBLE_LETTERS: Final = frozenset("\u115f\u1160\u3164\uffa0")
"""Hangul fillers: letters by category, nothing on the screen."""

_LATIN_NAME: Final = re.compile(
    r"(?:(?:NEGATIVE )?(?:CIRCLED|SQUARED) |MODIFIER )?(?:REGIONAL INDICATOR SYMBOL LETTER"
    r"|LATIN (?:CAPITAL LETTER|SMALL LETTER|LETTER SMALL CAPITAL))"
    r" (?:DOTLESS |SCRIPT |OPEN |REVERSED |TURNED |BARRED )?([A-Z])(?: WITH .*)?"
)
"""Unicode names of letters that NFKD leaves whole: ø, ł, small capitals, flags, white on black."""


_WORD: Final = re.compile("[^ ]+")


@cache
def _ascii_table(reading: Reading) -> dict[int, str]:
    return {code: _fold(chr(code), reading) for code in range(128)}


@lru_cache(maxsize=65536)
def _fold(char: str, reading: Reading) -> str:
    """Skeleton letters of one character, a space for a gap, or nothing for what is not seen."""
    folded = "".join(_step(part, reading) for part in unicodedata.normalize("NFKD", char))
    return folded if folded == char else "".join(_fold(part, reading) for part in folded)


def _step(char: str, reading: Reading) -> str:
    category = unicodedata.category(char)
    if category[0] == "M" or category == "Cf" or char in _INVISIBLE_LETTERS:
        return ""
    if reading is Reading.SOUND and (sound := _SOUNDS.get(char.casefold())) is not None:
        return sound
    if char in _LOOK_ALIKES:
        return _LOOK_ALIKES[char]
    digit = unicodedata.decimal(char, None)
    symbol = ord(char if digit is None else str(digit))
    if symbol in _LEET:
        return chr(_LEET[symbol]) if reading is Reading.LEET else " "
    if latin := _LATIN_NAME.fullmatch(unicodedata.name(char, "")):
        return latin[1].lower()
    return char.casefold() if category[0] in "LN" else " "
