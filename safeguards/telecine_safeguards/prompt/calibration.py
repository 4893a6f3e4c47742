"""From evidence to one score: how likely it is that a text describes an entity.

A logistic regression, fitted once on the development set in tests/data/screening by
`loadtests/screening.py --fit`, and written down here. Nothing is fitted to any other set.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What speaks for one entity in one text."""

    card: float
    """Cosine of the nearest window to the nearest card."""
    margin: float
    """`card` less the best cosine of any window to one of the entity's decoys."""
    second_attribute: float
    """Share of the words, by weight, of the attribute that is present second best."""
    shared_words: float
    """Weight of the words that the text shares with cards and attributes."""
    shared_words_density: float
    """The same, divided by the root of the text's number of words."""
    log_num_words: float


COEFFICIENTS: Final = Evidence(
    card=9.711,
    margin=7.710,
    second_attribute=4.811,
    shared_words=0.3575,
    shared_words_density=0.1779,
    log_num_words=-1.3268,
)
INTERCEPT: Final = -15.651
"""Fitted on 2026-11-22 by Newton's method with a ridge of 1 on standardised evidence.

| Set | n |
|---|---|
| descriptions of 68 entities, written by hand | 258 |
| near misses, written by hand, each weighted 4 times | 191 |
| benign VBench prompts, those that name an entity left out | 4,498 |

A seventh value, the cosines to the attributes, got a negative weight and is left out: it says what
`card` says already. Fitted on every second entity and prompt only, the others score the same within
3 points.
"""
MIN_SCORE: Final = 0.40
"""From here on a description is reported: 0.07 % of the benign prompts, 1.0 % of the near misses,
98.5 % of long, 95.1 % of rewritten, 96.7 % of keyword and 88.2 % of short descriptions."""


def score_from_evidence(evidence: Evidence) -> float:
    """The logistic of the weighted evidence, 0 to 1."""
    total = (
        INTERCEPT
        + COEFFICIENTS.card * evidence.card
        + COEFFICIENTS.margin * evidence.margin
        + COEFFICIENTS.second_attribute * evidence.second_attribute
        + COEFFICIENTS.shared_words * evidence.shared_words
        + COEFFICIENTS.shared_words_density * evidence.shared_words_density
        + COEFFICIENTS.log_num_words * evidence.log_num_words
    )
    return 1 / (1 + math.exp(-max(-60.0, min(60.0, total))))


FOREIGN_CARD: Final = 20.0
FOREIGN_MARGIN: Final = 6.0
FOREIGN_INTERCEPT: Final = -12.5
"""Chosen on 2026-11-28 by hand: `MIN_SCORE` is reached at card + 0.3 margin = 0.605, where all 42
descriptions in German, Spanish and Chinese are found, and none of 42 ordinary prompts in them. Of
941 Chinese VBench prompts 4 are stopped, of the 51 descriptions in other languages 8 pass."""


def score_from_foreign_evidence(evidence: Evidence) -> float:
    """The same for texts in other languages, by the multilingual model: words in common mean
    nothing there, so the cosines alone decide."""
    total = FOREIGN_INTERCEPT + FOREIGN_CARD * evidence.card + FOREIGN_MARGIN * evidence.margin
    return 1 / (1 + math.exp(-max(-60.0, min(60.0, total))))
