"""A harm classifier of the operator's own, such as a guard model, in a process of its own.

A request is one line of JSON on standard input: `{"check": "guard", "texts": ["a red fox"],
"timeout_s": 60}`. The answer is one line on standard output with a list for each text:
`{"findings": [[{"label": "violence", "score": 0.9, "matched": "the words"}]]}`, or
`{"error": "a word"}`. Invariant: an answer that is not exactly that is no answer, and then the
prompt is blocked.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from telecine_safeguards import policy
from telecine_safeguards.errors import CheckFailed
from telecine_safeguards.output.process import CheckProcess, Limits
from telecine_safeguards.prompt.harms import KIND
from telecine_safeguards.verdict import Finding

_MAX_FINDINGS = 100


class Judge:
    """A HarmClassifier. Threads wait for each other."""

    def __init__(self, name: str, command: Sequence[str], limits: Limits) -> None:
        """Start the process. Raises CheckFailed."""
        self._name = name
        self._process = CheckProcess((name,), command, limits)
        self._timeout_s = limits.timeout_s
        self._asking = threading.Lock()

    def __call__(self, texts: Sequence[str]) -> list[tuple[Finding, ...]]:
        """Give the findings of each text. Raises CheckFailed."""
        if not texts:
            return []
        request = {"check": self._name, "texts": list(texts), "timeout_s": self._timeout_s}
        with self._asking, self._process.ended_on_failure(self._name):
            line = self._process.ask(self._name, request)
            return findings_from_answer(line, check=self._name, num_texts=len(texts))

    def close(self) -> None:
        self._process.close()


def findings_from_answer(line: bytes, *, check: str, num_texts: int) -> list[tuple[Finding, ...]]:
    """Read an answer's line. Raises CheckFailed."""
    try:
        answer = _Answer.model_validate_json(line)
    except ValidationError as error:
        raise CheckFailed(f"{check}: its answer is not of the protocol") from error
    if answer.error is not None or answer.findings is None:
        raise CheckFailed(f"{check}: it could not look ({answer.error or 'empty answer'})")
    if len(answer.findings) != num_texts:
        raise CheckFailed(f"{check}: {len(answer.findings)} answers for {num_texts} texts")
    return [tuple(map(_finding, rows)) for rows in answer.findings]


class _FindingRow(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    label: Annotated[str, Field(min_length=1, max_length=100)]
    score: Annotated[float, Field(ge=0, le=1)]
    matched: Annotated[str, Field(max_length=2_000)] | None = None


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    findings: list[Annotated[list[_FindingRow], Field(max_length=_MAX_FINDINGS)]] | None = None
    error: Annotated[str, Field(max_length=200)] | None = None


def _finding(row: _FindingRow) -> Finding:
    return Finding(
        check=policy.HARMS,
        score=row.score,
        entity_name=row.label,
        entity_kind=KIND,
        matched=row.matched,
    )
