"""The output checkpoint as a whole: it always answers, and fails closed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from telecine_safeguards.errors import CheckFailed, SafeguardError
from telecine_safeguards.output.moderate import OutputModeration, standard_checks
from telecine_safeguards.output.pdq import pdq_from_picture
from telecine_safeguards.output.sample import Sample
from telecine_safeguards.verdict import Action, Checkpoint, Finding
from tests.telecine_safeguards.pictures import picture
from tests.telecine_safeguards.registries import entity, registry

ARTWORK = picture("shapes", 64, 64, 7)
REGISTRY = registry(entity("Robo", reference_hashes=(pdq_from_picture(ARTWORK).hex,)))
CLIP = np.stack([picture("waves", 64, 64, seed) for seed in range(17)])


class FakeCheck:
    """Gives a fixed answer, or raises it."""

    def __init__(self, name: str, answer: Any = ()) -> None:
        self.name = name
        self.answer = answer

    def check(self, sample: Sample) -> tuple[Finding, ...]:
        if isinstance(self.answer, Exception):
            raise self.answer
        answer: tuple[Finding, ...] = self.answer
        return answer


def test_harmless_clip_is_allowed_by_the_standard_checks() -> None:
    verdict = OutputModeration(REGISTRY, standard_checks(REGISTRY)).moderate(CLIP, fps=8)

    assert (verdict.checkpoint, verdict.action) == (Checkpoint.OUTPUT, Action.ALLOW)
    assert verdict.registry_version == REGISTRY.version


def test_copied_frame_blocks_the_clip_and_names_the_frame() -> None:
    clip = CLIP.copy()
    clip[8] = ARTWORK

    verdict = OutputModeration(REGISTRY, standard_checks(REGISTRY)).moderate(clip, fps=8)

    assert verdict.reason_code == "reference_match"
    assert [(each.entity_id, each.matched) for each in verdict.findings] == [("robo", "frame 8")]


@pytest.mark.parametrize(
    "answer",
    [CheckFailed("no model"), RuntimeError("bug"), MemoryError(), None, (None,)],
    ids=repr,
)
def test_check_without_an_answer_blocks(answer: Any) -> None:
    checks = [FakeCheck("fine"), FakeCheck("broken", answer)]

    verdict = OutputModeration(REGISTRY, checks).moderate(CLIP, fps=8)

    assert (verdict.action, verdict.rule) == (Action.BLOCK, "check-failed")
    assert verdict.reason_code == "check_failed"


def test_failed_check_is_named() -> None:
    checks = [FakeCheck("fine"), FakeCheck("broken", RuntimeError("bug")), FakeCheck("later")]

    assert "'broken'" in OutputModeration(REGISTRY, checks).moderate(CLIP, fps=8).message


@pytest.mark.parametrize(
    ("clip", "fps"),
    [
        pytest.param(CLIP[:0], 8, id="no frames"),
        pytest.param(CLIP[:, :0], 8, id="no rows"),
        pytest.param(CLIP[0], 8, id="one picture"),
        pytest.param(CLIP[..., :1], 8, id="grey"),
        pytest.param(CLIP.astype(np.float32), 8, id="floats"),
        pytest.param(CLIP.tolist(), 8, id="a list"),
        pytest.param(None, 8, id="nothing"),
        pytest.param(CLIP, 0, id="no frame rate"),
        pytest.param(CLIP, None, id="unknown frame rate"),
    ],
)
def test_clip_that_cannot_be_sampled_is_blocked(clip: Any, fps: Any) -> None:
    verdict = OutputModeration(REGISTRY, [FakeCheck("fine")]).moderate(clip, fps)

    assert (verdict.action, verdict.reason_code) == (Action.BLOCK, "check_failed")
    assert "'sample'" in verdict.message


def test_moderation_without_checks_is_refused() -> None:
    with pytest.raises(SafeguardError, match="at least one check"):
        OutputModeration(REGISTRY, [])
