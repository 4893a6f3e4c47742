"""Ways in which callers write a name so that a plain search misses it.

Deterministic: a place in the name is chosen by its letters, so that a set can be made again.
"""

from __future__ import annotations

import zlib
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


def hyphened(name: str) -> str:
    return "-".join(name.replace(" ", ""))


def underscored(name: str) -> str:
    return name.replace(" ", "_")


def joined(name: str) -> str:
    return name.replace(" ", "")


def zero_width(name: str) -> str:
    return "\u200b".join(name)


def right_to_left_marks(name: str) -> str:
    return "\u202e" + "\u200f".join(name) + "\u202c"


def full_width(name: str) -> str:
    return "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in name)


def bold_maths(name: str) -> str:
    def bold(char: str) -> str:
        if "a" <= char <= "z":
            return chr(0x1D41A + ord(char) - ord("a"))
        return chr(0x1D400 + ord(char) - ord("A")) if "A" <= char <= "Z" else char

    return "".join(map(bold, name))


def circled(name: str) -> str:
    return "".join(
        chr(0x24D0 + ord(char) - ord("a")) if "a" <= char <= "z" else char for char in name.lower()
    )


def diacritics(name: str) -> str:
    return "".join(char + "\u0301" if char.isalpha() else char for char in name)


def mixed_case(name: str) -> str:
    return "".join(char.upper() if i % 2 else char.lower() for i, char in enumerate(name))


def emoji_between(name: str) -> str:
    return "✨".join(name)


def html_entities(name: str) -> str:
    return "".join(f"&#{ord(char)};" if char.isalpha() else char for char in name)


def doubled_letter(name: str) -> str:
    place = _place(name, "double")
    return name[:place] + name[place] + name[place:]


def two_letter_look_alikes(name: str) -> str:
    return name.replace("m", "rn").replace("w", "vv").replace("M", "rn").replace("W", "VV")


def alike_sounds(name: str) -> str:
    for spelling, other in (("ck", "k"), ("ph", "f"), ("oo", "u"), ("c", "k"), ("y", "i")):
        if spelling in name[1:]:
            return name[0] + name[1:].replace(spelling, other)
    return doubled_letter(name)


def backwards(name: str) -> str:
    return name[::-1]


def swapped_letters(name: str) -> str:
    place = _place(name, "swap")
    return name[:place] + name[place + 1] + name[place] + name[place + 2 :]


def missing_letter(name: str) -> str:
    place = _place(name, "miss")
    return name[:place] + name[place + 1 :]


def wrong_letter(name: str) -> str:
    place = _place(name, "wrong")
    keyboard = "qwertyuiopasdfghjklzxcvbnm"
    letter = keyboard[(keyboard.index(name[place].lower()) + 1) % len(keyboard)]
    return name[:place] + letter + name[place + 1 :]


def _place(name: str, salt: str) -> int:
    """An inner place with a letter on both sides: the same for the same name."""
    places = [
        place
        for place in range(1, len(name) - 1)
        if name[place].isascii()
        and name[place].isalpha()
        and name[place + 1].isalpha()
        and name[place].lower() != name[place + 1].lower()
    ]
    return places[zlib.crc32((salt + name).encode()) % len(places)] if places else 0


EVASIONS: Final[dict[str, Callable[[str], str]]] = {
    "look-alikes": look_alikes,
    "leet": leet,
    "spaced": spaced,
    "dotted": dotted,
    "hyphened": hyphened,
    "zero-width": zero_width,
    "right-to-left": right_to_left_marks,
    "full-width": full_width,
    "bold-maths": bold_maths,
    "circled": circled,
    "diacritics": diacritics,
    "mixed-case": mixed_case,
    "emoji": emoji_between,
    "html": html_entities,
    "underscored": underscored,
    "joined": joined,
}
"""Covered classes: none of them, nor several together, may turn a block into a pass."""

SOUNDS: Final[dict[str, Callable[[str], str]]] = {
    "doubled-letter": doubled_letter,
    "two-letter-look-alikes": two_letter_look_alikes,
    "alike-sounds": alike_sounds,
}
"""Found for all but the shortest names."""

TYPOS: Final[dict[str, Callable[[str], str]]] = {
    "swapped-letters": swapped_letters,
    "missing-letter": missing_letter,
    "wrong-letter": wrong_letter,
    "backwards": backwards,
}
"""Found when the result is no ordinary word and the name has letters enough."""
