"""What prompt screening is compared with in the same run: the two things that all try first.

`substring` looks for the names in lower case. `threshold` takes the best MiniLM cosine of the whole
prompt to any card, with the threshold at which it stops as many benign prompts as our screen may.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from loadtests.screening_score import Outcome
from loadtests.screening_sets import Case
from telecine_safeguards.prompt.embed import Embed
from telecine_safeguards.registry.entities import Registry

BENIGN_SHARE = 0.005


def substring(registry: Registry, cases: Sequence[Case]) -> list[Outcome]:
    """Find names as they stand."""
    names = [(name.casefold(), entity.id) for entity in registry.entities for name in entity.names]
    outcomes = []
    for case in cases:
        text = case.prompt.casefold()
        found = tuple({entity_id for name, entity_id in names if name in text})
        outcomes.append(_outcome(case, found))
    return outcomes


def threshold(registry: Registry, embed: Embed, cases: Sequence[Case]) -> list[Outcome]:
    """Find cards by cosine alone; needs benign cases to set the threshold."""
    cards = [(card, entity.id) for entity in registry.entities for card in entity.cards]
    rows = embed([card for card, _ in cards])
    best = []
    for first in range(0, len(cases), 256):
        prompts = embed([case.prompt or " " for case in cases[first : first + 256]])
        likeness = prompts @ rows.T
        best += list(zip(likeness.max(axis=1), likeness.argmax(axis=1), strict=True))
    benign = [
        value
        for (value, _), case in zip(best, cases, strict=True)
        if case.group.startswith("benign")
    ]
    limit = float(np.quantile(benign, 1 - BENIGN_SHARE)) if benign else 0.6
    return [
        _outcome(case, (cards[int(card)][1],) if value > limit else ())
        for (value, card), case in zip(best, cases, strict=True)
    ]


def _outcome(case: Case, found: tuple[str, ...]) -> Outcome:
    return Outcome(case=case, is_stopped=bool(found), is_blocked=bool(found), found=found)
