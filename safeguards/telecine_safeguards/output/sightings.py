"""What a model saw in a frame, and the lines that a check's process reads and writes.

A request is one line of JSON on standard input:
`{"check": "logo", "frames": "/tmp/…/frames.npy", "frame_numbers": [0, 8], "timeout_s": 60}`
where the file is a uint8 array of frames x height x width x RGB. The answer is one line on standard
output: `{"sightings": [{"frame": 8, "score": 0.9, "label": "logo", "box": [10, 20, 60, 50]}]}` or
`{"error": "OutOfMemory"}`. Invariant: an answer that is not exactly that is no answer.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from telecine_safeguards.errors import CheckFailed

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; right and bottom lie outside."""
_MAX_SIGHTINGS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One thing in one frame. What it means for the registry is decided elsewhere."""

    frame: int
    """The frame's number in the clip."""
    score: float
    """How sure the model is, 0 to 1."""
    label: str
    box: Box | None = None
    """None: the whole frame."""
    text: str = ""
    """What is written there."""
    vector: tuple[float, ...] = ()
    """A face's 128 numbers."""


class _SightingRow(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    frame: Annotated[int, Field(ge=0)]
    score: Annotated[float, Field(ge=0, le=1)]
    label: Annotated[str, Field(min_length=1, max_length=100)]
    box: Box | None = None
    text: Annotated[str, Field(max_length=2_000)] = ""
    vector: Annotated[tuple[float, ...], Field(max_length=1_024)] = ()


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    sightings: Annotated[list[_SightingRow] | None, Field(max_length=_MAX_SIGHTINGS)] = None
    error: Annotated[str, Field(max_length=200)] | None = None


def answer_from_sightings(sightings: tuple[Sighting, ...]) -> str:
    """Write the answer's line."""
    rows = [_SightingRow.model_validate(asdict(each)) for each in sightings]
    return _Answer(sightings=rows).model_dump_json(exclude_none=True)


def answer_from_error(error: Exception) -> str:
    """Say which kind of error it was; its text could quote what the frames show."""
    return _Answer(error=type(error).__name__).model_dump_json(exclude_none=True)


def sightings_from_answer(
    line: bytes, *, check: str, frame_numbers: tuple[int, ...]
) -> tuple[Sighting, ...]:
    """Read an answer's line. Raises CheckFailed for anything but sightings in the given frames."""
    try:
        answer = _Answer.model_validate_json(line)
    except ValidationError as error:
        raise CheckFailed(f"{check}: its answer is not of the protocol") from error
    if answer.error is not None or answer.sightings is None:
        raise CheckFailed(f"{check}: it could not look ({answer.error or 'empty answer'})")
    known = set(frame_numbers)
    if any(row.frame not in known for row in answer.sightings):
        raise CheckFailed(f"{check}: it saw something in a frame that it was not given")
    return tuple(Sighting(**row.model_dump()) for row in answer.sightings)
