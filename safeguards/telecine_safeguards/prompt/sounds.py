"""One key for spellings that sound or look alike: `Pikachoo`, `Pikkachu`, `Bat rnan`, `Spyder-man`.

A few rules of our own in the manner of Metaphone (L. Philips, Computer Language 7(12), 1990), but
vowels stay: without them unlike names fall together. Works on skeleton letters, where `l` is
already `i`. Invariant: pure, and no rule makes a letter that an earlier rule would change again.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_RULES: Final = (
    ("rn", "m"),
    ("ph", "f"),
    ("ck", "k"),
    ("sch", "sh"),
    ("oo", "u"),
    ("ou", "u"),
    ("ee", "i"),
    ("ea", "i"),
    ("ie", "i"),
    ("ey", "i"),
    ("ei", "i"),
    ("ai", "e"),
    ("ay", "e"),
    ("ae", "e"),
    ("x", "ks"),
    ("c", "k"),
    ("q", "k"),
    ("z", "s"),
    ("y", "i"),
    ("w", "v"),
    ("j", "g"),
)
_ONCE: Final = re.compile("|".join(spelling for spelling, _ in _RULES))
_KEY: Final = dict(_RULES)
_SILENT_H: Final = re.compile(r"(?<=.)h")
_REPEATED: Final = re.compile(r"(.)\1+")
_THREE: Final = re.compile(r"(.)\1{2,}")


@lru_cache(maxsize=65536)
def sound_key(letters: str) -> str:
    """Fold skeleton letters without gaps to their key; repeated letters become one."""
    letters = _THREE.sub(r"\1\1", letters)
    letters = _ONCE.sub(lambda found: _KEY[found[0]], letters)
    return _REPEATED.sub(r"\1", _SILENT_H.sub("", letters))
