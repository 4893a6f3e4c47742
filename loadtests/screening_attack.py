"""An attacker who sees only decisions: edits a prompt until it passes, and counts the queries.

Bounded: at most `MAX_QUERIES` a prompt, and an edit may not go further than people can read: a name
keeps all but `MAX_WRONG_LETTERS` of its letters, a description all but a part of its words.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from itertools import cycle

from loadtests.screening_score import Share
from loadtests.screening_sets import Case
from telecine_platform.scheduling.refusals import FADE_S

MAX_QUERIES = 50
MAX_WRONG_LETTERS = 2
MIN_WORDS_KEPT = 0.6
STEPS = (1, 2, 5, 10, 20, 50)
QUOTAS = (None, 60, 20, 5)
"""`refusals_per_hour` of the tenants that are tried; None: no limit."""
DAY_S = 86_400.0

IsStopped = Callable[[str], bool]
_LOOKS = dict(zip("aceiopsxy", "асеіорѕху", strict=True))


def queries_needed(cases: Sequence[Case], is_stopped: IsStopped) -> list[int]:
    """For each prompt that is stopped at first, how many queries until a changed one passes."""
    return [_attack(case, is_stopped) for case in cases if is_stopped(case.prompt)]


def bypass_curve(needed: Sequence[int]) -> dict[int, Share]:
    """Share of the prompts that pass after at most so many queries."""
    return {
        step: Share(num=sum(queries <= step for queries in needed), of=len(needed))
        for step in STEPS
    }


def bypasses_a_day(needed: Sequence[int], refusals_per_hour: float | None) -> int:
    """How many prompts an attacker gets through within 24 hours, one query a second, who goes
    through the prompts again and again and waits when the tenant's limit says so."""
    at_s, level, num_passed = 0.0, 0.0, 0
    for queries in cycle(needed):
        for query in range(1, min(queries, MAX_QUERIES) + 1):
            wait_s = 1.0
            if refusals_per_hour is not None and level > refusals_per_hour - 1:
                wait_s += FADE_S * math.log(level / (refusals_per_hour - 1))
            at_s, level = at_s + wait_s, level * math.exp(-wait_s / FADE_S)
            if at_s > DAY_S:
                return num_passed
            if query == queries:
                num_passed += 1
            else:
                level += 1
    return num_passed


def _attack(case: Case, is_stopped: IsStopped) -> int:
    """How many queries until a changed prompt passes; MAX_QUERIES + 1: never."""
    chance = random.Random(case.prompt)
    for query in range(1, MAX_QUERIES + 1):
        changed = _changed_name(case, chance) if case.name else _fewer_words(case.prompt, chance)
        if not is_stopped(changed):
            return query
    return MAX_QUERIES + 1


def _changed_name(case: Case, chance: random.Random) -> str:
    letters = list(case.name)
    for _ in range(chance.randint(1, MAX_WRONG_LETTERS)):
        place = chance.randrange(len(letters))
        edit = chance.choice(("drop", "double", "swap", "other"))
        if edit == "drop" and len(letters) > 3:
            del letters[place]
        elif edit == "double":
            letters.insert(place, letters[place])
        elif edit == "swap" and place + 1 < len(letters):
            letters[place], letters[place + 1] = letters[place + 1], letters[place]
        else:
            letters[place] = chance.choice("aeiounrst")
    for place, letter in enumerate(letters):
        if chance.random() < 0.3:
            letters[place] = _LOOKS.get(letter, letter)
    gap = chance.choice(("", "", "", ".", "\u200b", " ", "-"))
    return case.prompt.replace(case.name, gap.join(letters))


def _fewer_words(prompt: str, chance: random.Random) -> str:
    words = prompt.split()
    kept = max(1, round(len(words) * chance.uniform(MIN_WORDS_KEPT, 1.0)))
    places = sorted(chance.sample(range(len(words)), kept))
    return " ".join(words[place] for place in places)
