"""Which words of a text are a name with a wrong letter, or one that sounds the same.

Invariant: an ordinary word alone is never a misspelt name; `boatman` is not Batman.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from rapidfuzz.distance import OSA

from telecine_safeguards.prompt.normalize import has_cjk
from telecine_safeguards.prompt.ordinary import is_ordinary
from telecine_safeguards.prompt.sounds import sound_key
from telecine_safeguards.prompt.spellings import SpellingIndex

MIN_ALIKE_LETTERS: Final = 4
"""From here on names are looked up by sound."""
MIN_WRONG_LETTERS: Final = 5
"""From here on names are looked up with one letter wrong, missing, added or swapped."""
MIN_LONG_LETTERS: Final = 10
"""From here on chance is small: two ordinary words may be a name, and two letters wrong."""
MAX_WORDS: Final = 6
"""Words of a text that are tried together as one name."""
_WORD: Final = re.compile(r"(?:(?<![^ ])[^ ] ){3,}[^ ](?![^ ])|[^ ]+")
"""Four single letters or more in a row are one word, spaced out."""
MIN_SHARED_LETTERS: Final = 8
"""From here on a name of several words is looked up though all words are ordinary: `Eric Care`."""
_LINKING_WORDS: Final = frozenset(("the", "of", "and", "de", "von", "van"))
ALIKE_SCORE: Final = 0.95
MIN_SCORE: Final = 0.88


@dataclass(frozen=True, slots=True, kw_only=True)
class NearName:
    """A place of a skeleton text where the name `key` stands, misspelt."""

    key: str
    start: int
    end: int
    num_words: int
    score: float


class Misspellings:
    """The names of one registry by sound and by one wrong letter."""

    def __init__(self, words_by_key: Mapping[str, str]) -> None:
        """Take the names' skeleton words by their letters without gaps."""
        self._words_by_key = words_by_key
        self._keys = [key for key in words_by_key if len(key) >= MIN_ALIKE_LETTERS]
        self._max_letters = max(map(len, self._keys), default=0) + 1
        names = [words_by_key[key].split(" ") for key in self._keys]
        self._beginnings, self._endings = (
            {tuple(words[part]) for words in names if len(words) > 1 for part in parts}
            for parts in ((slice(1), slice(2)), (slice(-1, None), slice(-2, None)))
        )
        self._by_letters = SpellingIndex(self._keys)
        self._by_sound = SpellingIndex([sound_key(key) for key in self._keys])

    def find(self, text: str) -> Iterator[NearName]:
        """Go through a skeleton text with single spaces."""
        windows = list(self._windows(_words(text)))
        letters = [window.letters for window in windows]
        sounds = [sound_key(each) for each in letters]
        pairs = self._by_letters.near(letters) | self._by_sound.near(sounds)
        for place, owner in sorted(pairs):
            window, key = windows[place], self._keys[owner]
            score = _likeness(window.letters, sounds[place], key, sound_key(key))
            written = text[window.start : window.end]
            if window.is_ordinary and not self._may_be(written, key, score):
                continue
            if score and window.letters != key:
                yield NearName(
                    key=key,
                    start=window.start,
                    end=window.end,
                    num_words=window.num_words,
                    score=score,
                )

    def _windows(self, words: list[_Window]) -> Iterator[_Window]:
        """Each run of words without CJK that could be a name.

        Long runs and runs of ordinary words must begin or end as a name does: this saves time, and
        one wrong letter cannot be at both ends.
        """
        texts = [word.letters for word in words]
        places = range(len(words))
        begins = [
            [tuple(texts[at : at + count]) in self._beginnings for at in places] for count in (1, 2)
        ]
        ends = [
            [tuple(texts[max(0, at + 1 - count) : at + 1]) in self._endings for at in places]
            for count in (1, 2)
        ]
        for first, word in enumerate(words):
            letters, is_ordinary = "", True
            for num_words, last in enumerate(words[first : first + MAX_WORDS], start=1):
                letters += last.letters
                is_ordinary = is_ordinary and last.is_ordinary
                if has_cjk(last.letters) or len(letters) > self._max_letters:
                    break
                ends_of_two = num_words > 3
                is_likely = (not is_ordinary and num_words <= 3) or (
                    num_words > 1
                    and (begins[ends_of_two][first] or ends[ends_of_two][first + num_words - 1])
                )
                if is_likely and len(letters) >= MIN_ALIKE_LETTERS - 1:
                    yield _Window(
                        start=word.start,
                        end=last.end,
                        num_words=num_words,
                        letters=letters,
                        is_ordinary=is_ordinary,
                    )

    def _may_be(self, written: str, key: str, score: float) -> bool:
        """Whether ordinary words can mean the name: all but one are its own, or they sound long."""
        if score == ALIKE_SCORE and len(key) >= MIN_LONG_LETTERS:
            return True
        words, name = written.split(" "), self._words_by_key[key].split(" ")
        same = [word for word, other in zip(words, name, strict=False) if word == other]
        telling = [word for word in same if word not in _LINKING_WORDS]
        if len(words) != len(name) or len(same) != len(name) - 1 or len("".join(telling)) < 4:
            return False
        (wrong,) = (pair for pair in zip(words, name, strict=True) if pair[0] != pair[1])
        return wrong[0][0] == wrong[1][0] or len(key) >= MIN_LONG_LETTERS


def _likeness(letters: str, sound: str, key: str, key_sound: str) -> float:
    """How sure it is that `letters` mean the name `key`; 0: they do not."""
    if sound == key_sound and (
        len(sound) >= MIN_ALIKE_LETTERS or _without_repeats(letters) == _without_repeats(key)
    ):
        return ALIKE_SCORE
    num_wrong = OSA.distance(letters, key)
    if num_wrong == 1 and len(key) >= MIN_WRONG_LETTERS:
        return max(MIN_SCORE, 1 - 1 / len(key))
    is_long = len(key_sound) >= MIN_LONG_LETTERS
    if num_wrong == 2 and is_long and OSA.distance(sound, key_sound) <= 1:
        return MIN_SCORE
    return 0.0


def _without_repeats(letters: str) -> str:
    return "".join(letter for letter, _ in groupby(letters))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Window:
    start: int
    end: int
    num_words: int
    letters: str
    is_ordinary: bool
    """Whether every word of it is an ordinary one: then only a long name may sound like it."""


def _words(text: str) -> list[_Window]:
    words: list[_Window] = []
    for found in _WORD.finditer(text):
        letters = found[0].replace(" ", "")
        words.append(
            _Window(
                start=found.start(),
                end=found.end(),
                num_words=1,
                letters=letters,
                is_ordinary=len(letters) < 3 or is_ordinary(letters),
            )
        )
    return words
