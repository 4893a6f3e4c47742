"""The output checkpoint as a whole: it always answers, and fails closed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from telecine_safeguards.errors import CheckFailed, SafeguardError
from telecine_safeguards.output.moderate import OutputModeration
from telecine_safeguards.output.nudity import WHOLE_FRAME
from telecine_safeguards.output.pdq import pdq_from_picture
from telecine_safeguards.output.sightings import Sighting
from telecine_safeguards.policy_file import policy_from_yaml
from telecine_safeguards.registry.entities import EntityKind, EntityStatus
from telecine_safeguards.verdict import Action, Checkpoint
from tests.telecine_safeguards.fake_looks import ASKED, FakeLooks
from tests.telecine_safeguards.pictures import picture
from tests.telecine_safeguards.registries import entity, registry

ARTWORK = picture("shapes", 64, 64, 7)
FACE = tuple(np.random.default_rng(0).normal(size=128) / 12)
REGISTRY = registry(
    entity("Robo", reference_hashes=(pdq_from_picture(ARTWORK).hex,)),
    entity("Ada Example", kind=EntityKind.PERSON, face_embedding=FACE),
    entity("Maybe", status=EntityStatus.PROPOSED),
)
CLIP = np.stack([picture("waves", 64, 64, seed) for seed in range(17)])
SEEN = Sighting(frame=0, score=0.9, label="seen")


def _moderation(answer: Any = (), policy: bytes | None = None) -> OutputModeration:
    rules = None if policy is None else policy_from_yaml(policy, source="test")
    return OutputModeration(REGISTRY, FakeLooks(answer), rules)


def test_harmless_clip_is_allowed() -> None:
    verdict = _moderation().moderate(CLIP, 8, ASKED)

    assert (verdict.checkpoint, verdict.action) == (Checkpoint.OUTPUT, Action.ALLOW)
    assert verdict.registry_version == REGISTRY.version


def test_copied_frame_blocks_the_clip_and_names_the_frame() -> None:
    clip = CLIP.copy()
    clip[8] = ARTWORK

    verdict = _moderation().moderate(clip, 8, ASKED)

    assert (verdict.action, verdict.reason_code) == (Action.BLOCK, "reference_match")
    assert [(each.entity_id, each.matched) for each in verdict.findings] == [("robo", "frame 8")]


@pytest.mark.parametrize(
    ("check", "sightings", "action", "rule"),
    [
        ("nudity", [replace(SEEN, label=WHOLE_FRAME)], Action.REVIEW, "nudity-doubt"),
        ("nudity", [replace(SEEN, label="ANUS_EXPOSED")], Action.REVIEW, "nudity-doubt"),
        (
            "nudity",
            [replace(SEEN, label=WHOLE_FRAME), replace(SEEN, frame=8, label="ANUS_EXPOSED")],
            Action.BLOCK,
            "nudity",
        ),
        ("nudity", [replace(SEEN, label="BELLY_EXPOSED")], Action.ALLOW, "default-allow"),
        ("text", [replace(SEEN, text="R0BO for ever")], Action.RESTYLE, "written-name"),
        ("text", [replace(SEEN, text="MAYBE")], Action.REVIEW, "unsettled-claim-in-clip"),
        ("text", [replace(SEEN, text="a red car")], Action.ALLOW, "default-allow"),
        ("faces", [replace(SEEN, vector=FACE)], Action.BLOCK, "protected-face"),
        ("faces", [replace(SEEN, vector=(0.2,) * 128)], Action.ALLOW, "any-face"),
        ("logo", [SEEN], Action.REVIEW, "plugin-finding"),
        ("logo", [], Action.ALLOW, "default-allow"),
    ],
)
def test_shipped_policy_for_what_the_checks_see(
    check: str, sightings: list[Sighting], action: Action, rule: str
) -> None:
    verdict = _moderation([(check, tuple(sightings))]).moderate(CLIP, 8, ASKED)

    assert (verdict.action, verdict.rule) == (action, rule)


def test_restyle_names_what_is_not_wanted() -> None:
    seen = [("text", (replace(SEEN, text="robo"),))]

    verdict = _moderation(seen).moderate(CLIP, 8, ASKED)

    assert verdict.added_negative_prompt == "Robo, written words, logo"


def test_operator_can_refuse_every_face() -> None:
    policy = b"""
version: strict
rules: [{name: all, action: block, reason_code: blocked}]
output_rules:
  - {name: no-faces, action: block, reason_code: face, checks: [any-face]}
"""
    seen = [("faces", (replace(SEEN, vector=(0.2,) * 128),))]

    assert _moderation(seen, policy).moderate(CLIP, 8, ASKED).rule == "no-faces"


def test_finding_that_no_rule_knows_blocks() -> None:
    policy = b"""
version: narrow
rules: [{name: all, action: block, reason_code: blocked}]
output_rules: [{name: no-faces, action: block, reason_code: face, checks: [any-face]}]
"""
    verdict = _moderation([("logo", (SEEN,))], policy).moderate(CLIP, 8, ASKED)

    assert (verdict.action, verdict.rule) == (Action.BLOCK, "check-failed")
    assert verdict.findings


@pytest.mark.parametrize(
    "answer",
    [
        CheckFailed("nudity: no model"),
        RuntimeError("bug"),
        MemoryError(),
        None,
        (None,),
        [("faces", (SEEN,))],
        [("text", (None,))],
    ],
    ids=repr,
)
def test_check_without_an_answer_blocks(answer: Any) -> None:
    verdict = _moderation(answer).moderate(CLIP, 8, ASKED)

    assert (verdict.action, verdict.rule) == (Action.BLOCK, "check-failed")
    assert verdict.reason_code == "check_failed"


def test_failed_check_is_named() -> None:
    failed = CheckFailed("nudity: its process ended without an answer")

    assert "'nudity'" in _moderation(failed).moderate(CLIP, 8, ASKED).message


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
    verdict = _moderation().moderate(clip, fps, ASKED)

    assert (verdict.action, verdict.reason_code) == (Action.BLOCK, "check_failed")
    assert "'sample'" in verdict.message


def test_moderation_without_checks_is_refused() -> None:
    with pytest.raises(SafeguardError, match="needs its checks"):
        OutputModeration(REGISTRY, None)
