"""What a model heard in a clip's sound, and the lines that its process reads and writes.

A request is one line of JSON on standard input, for each part of the sound and each channel:
`{"check": "voice", "samples": "/tmp/…/samples.npy", "rate_hz": 16000, "starts_at_s": 29.0,
"channel": 0, "timeout_s": 60}`, where the file is a float32 array of samples from -1 to 1. The
answer is one line on standard output: `{"sounds": [{"start_s": 30.5, "end_s": 31.0, "score": 0.9,
"label": "music"}]}`, in seconds of the clip, or `{"error": "OutOfMemory"}`. What was said can be in
`text`: then it is searched for names. Invariant: an answer that is not exactly that is no answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from telecine_safeguards.errors import CheckFailed

_MAX_SOUNDS: Final = 1_000
_SLACK_S: Final = 0.05
"""Models round to steps of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One thing in the sound. What it means for the registry is decided elsewhere."""

    start_s: float
    end_s: float
    """In seconds of the clip."""
    score: float
    """How sure the model is, 0 to 1."""
    label: str
    text: str = ""
    """What was said."""


class _HeardRow(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    start_s: float
    end_s: float
    score: Annotated[float, Field(ge=0, le=1)]
    label: Annotated[str, Field(min_length=1, max_length=100)]
    text: Annotated[str, Field(max_length=10_000)] = ""


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    sounds: Annotated[list[_HeardRow] | None, Field(max_length=_MAX_SOUNDS)] = None
    error: Annotated[str, Field(max_length=200)] | None = None


def sounds_from_answer(
    line: bytes, *, check: str, starts_at_s: float, ends_at_s: float
) -> tuple[Heard, ...]:
    """Read an answer's line. Raises CheckFailed for anything but sounds in the part given."""
    try:
        answer = _Answer.model_validate_json(line)
    except ValidationError as error:
        raise CheckFailed(f"{check}: its answer is not of the protocol") from error
    if answer.error is not None or answer.sounds is None:
        raise CheckFailed(f"{check}: it could not listen ({answer.error or 'empty answer'})")
    first_s, last_s = starts_at_s - _SLACK_S, ends_at_s + _SLACK_S
    if not all(first_s <= row.start_s <= row.end_s <= last_s for row in answer.sounds):
        raise CheckFailed(f"{check}: it heard something where it was given nothing")
    return tuple(Heard(**row.model_dump()) for row in answer.sounds)
