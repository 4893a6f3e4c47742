"""Fits the calibration of prompt screening on the development set.

What it prints is copied into telecine_safeguards/prompt/calibration.py by hand, with its n: the
running service fits nothing. Newton's method on a logistic regression with a ridge of 1 on the
standardised evidence; other entities near a described one are left out, for they are often right.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields

import numpy as np
import numpy.typing as npt

from loadtests.screening_sets import Case
from telecine_safeguards.prompt.calibration import Evidence
from telecine_safeguards.prompt.embed import Embed, RememberedEmbed
from telecine_safeguards.prompt.meaning import MeaningIndex
from telecine_safeguards.prompt.windows import sentence_spans
from telecine_safeguards.registry.entities import Registry

Floats = npt.NDArray[np.float64]

NEAR_MISS_WEIGHT = 4.0
RIDGE = 1.0
NUM_STEPS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """The result of one fit."""

    coefficients: Floats
    intercept: float
    num_cases: Counter[str]


def fit(registry: Registry, embed: Embed, cases: Sequence[Case]) -> Fitted:
    """Weigh the evidence so that described entities score high and all others low."""
    index = MeaningIndex(registry, RememberedEmbed(embed))
    rows, targets, weights = [], [], []
    for case in cases:
        spans = sentence_spans(case.prompt)
        if not spans:
            continue
        rows_SD = embed([unicodedata.normalize("NFKC", case.prompt[slice(*s)]) for s in spans])
        for entity, evidence, _ in index.evidence(case.prompt, rows_SD):
            is_meant = case.entity_id == entity.id
            if is_meant or case.entity_id is None:
                rows.append(astuple(evidence))
                targets.append(float(is_meant))
                weights.append(NEAR_MISS_WEIGHT if case.group == "near-miss" else 1.0)
    coefficients, intercept = _logistic(np.array(rows), np.array(targets), np.array(weights))
    return Fitted(
        coefficients=coefficients,
        intercept=intercept,
        num_cases=Counter(case.group.partition("/")[0] for case in cases),
    )


def report(fitted: Fitted) -> str:
    """Write it as calibration.py has it."""
    lines = [
        f"    {field.name}={value:.4f},"
        for field, value in zip(fields(Evidence), fitted.coefficients, strict=True)
    ]
    return "\n".join([*lines, f"INTERCEPT = {fitted.intercept:.4f}", str(dict(fitted.num_cases))])


def _logistic(evidence: Floats, targets: Floats, weights: Floats) -> tuple[Floats, float]:
    mean, deviation = evidence.mean(axis=0), evidence.std(axis=0)
    standard = np.column_stack([np.ones(len(evidence)), (evidence - mean) / deviation])
    ridge = RIDGE * np.eye(standard.shape[1])
    ridge[0, 0] = 0.0
    beta = np.zeros(standard.shape[1])
    for _ in range(NUM_STEPS):
        chance = 1 / (1 + np.exp(-np.clip(standard @ beta, -30, 30)))
        slope = standard.T @ (weights * (chance - targets)) + ridge @ beta
        spread = weights * chance * (1 - chance)
        beta -= np.linalg.solve((standard * spread[:, None]).T @ standard + ridge, slope)
    coefficients = beta[1:] / deviation
    return coefficients, float(beta[0] - coefficients @ mean)
