"""The process that looks: `python -m telecine_safeguards.output.child nudity text faces`.

It loads the models once and answers requests until its input ends. Models are native code: they can
crash, hang or eat the memory, and here they take nobody with them. A request that lasts too long
ends the process, whatever the code is in, and even when nobody waits for it any more.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from telecine_safeguards import policy
from telecine_safeguards.errors import CheckFailed
from telecine_safeguards.output.sample import Sample
from telecine_safeguards.output.sightings import (
    Sighting,
    answer_from_error,
    answer_from_sightings,
)


class Look(Protocol):
    """A model, or some that look together."""

    def look(self, sample: Sample) -> tuple[Sighting, ...]:
        """Report what is seen; an exception of any kind means "no answer"."""


def new_look(check: str) -> Look:
    """Load the models of a check. Raises CheckFailed when the weights are missing or altered."""
    match check:
        case policy.NUDITY:
            from telecine_safeguards.output.nudity import NudityLook

            return NudityLook()
        case policy.TEXT:
            from telecine_safeguards.output.text import TextLook

            return TextLook()
        case policy.FACES:
            from telecine_safeguards.output.faces import FaceLook

            return FaceLook()
        case _:
            raise CheckFailed(f"there is no check {check!r}; use nudity, text or faces")


class Unloaded:
    """In the place of a check whose models could not be loaded: the others still answer."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def look(self, sample: Sample) -> tuple[Sighting, ...]:
        raise self._error


def loaded(check: str) -> Look:
    """Load a check now; what stands in its way is the answer to each clip."""
    try:
        return new_look(check)
    except Exception as error:  # of the models' libraries, any kind
        return Unloaded(error)


def main() -> None:
    """Serve standard input. What libraries print goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    cv2.setNumThreads(1)
    looks = {check: loaded(check) for check in sys.argv[1:]}
    for line in sys.stdin:
        request = json.loads(line)
        signal.alarm(max(1, int(request["timeout_s"])))  # by default the signal ends the process
        try:
            answer = answer_from_sightings(looks[request["check"]].look(_sample(request)))
        except Exception as error:  # the process's edge: the other side fails the check
            answer = answer_from_error(error)
        signal.alarm(0)
        print(answer, file=answers, flush=True)


def _sample(request: dict[str, object]) -> Sample:
    frames_THWC = np.load(Path(str(request["frames"])), mmap_mode="r", allow_pickle=False)
    numbers = request["frame_numbers"]
    if not isinstance(numbers, list) or len(numbers) != len(frames_THWC):
        raise CheckFailed(f"{len(frames_THWC)} frames came with other frame numbers")
    return Sample(frames_THWC=frames_THWC, frame_numbers=tuple(int(each) for each in numbers))


if __name__ == "__main__":
    main()
