"""Ways in which callers write a name so that a plain search misses it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final


def look_alikes(name: str) -> str:
    return name.translate(str.maketrans("aceiopsxyABEHKMOPTX", "асеіорѕхуАВЕНКМОРТХ"))


def leet(name: str) -> str:
    return name.translate(str.maketrans("abegilostzABEGILOSTZ", "48391105724839!|0$72"))


def spaced(name: str) -> str:
    return " ".join(name)


def dotted(name: str) -> str:
    return ".".join(name)


def zero_width(name: str) -> str:
    return "\u200b".join(name)


def full_width(name: str) -> str:
    return "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in name)


def diacritics(name: str) -> str:
    return "".join(char + "\u0301" if char.isalpha() else char for char in name)


EVASIONS: Final[dict[str, Callable[[str], str]]] = {
    "look-alikes": look_alikes,
    "leet": leet,
    "spaced": spaced,
    "dotted": dotted,
    "zero-width": zero_width,
    "full-width": full_width,
    "diacritics": diacritics,
}
