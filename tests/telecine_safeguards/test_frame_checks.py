"""The contract that every look at frames keeps, its required examples, then what each one sees."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest

from telecine_safeguards.errors import CheckFailed
from telecine_safeguards.output.child import Look, new_look
from telecine_safeguards.output.faces import MAX_DISTANCE, face_findings
from telecine_safeguards.output.looks import OWN_CHECKS
from telecine_safeguards.output.masking import moderate_and_mask
from telecine_safeguards.output.moderate import OutputModeration
from telecine_safeguards.output.nudity import EXPOSED, WHOLE_FRAME, nudity_findings
from telecine_safeguards.output.sample import Sample, sample_clip
from telecine_safeguards.output.sightings import (
    Sighting,
    answer_from_sightings,
    sightings_from_answer,
)
from telecine_safeguards.output.text import frames_to_read
from telecine_safeguards.output.weights import checked_weights
from telecine_safeguards.policy_file import policy_from_yaml
from telecine_safeguards.registry.entities import EntityKind
from tests.telecine_safeguards.drawn import face, written
from tests.telecine_safeguards.fake_looks import ASKED, FakeLooks
from tests.telecine_safeguards.pictures import Picture, picture
from tests.telecine_safeguards.registries import entity, registry

EXAMPLES: dict[str, Picture] = {
    "nudity": picture("shapes", 128, 128, 7),  # a score of every frame is its answer
    "text": written("NETFLIX", 120, 300),
    "faces": face(200),
}
"""Every check has one: a picture in which it must see something."""


def _sample(*pictures: Picture) -> Sample:
    return sample_clip(np.stack(pictures), fps=2)


@pytest.fixture(scope="module", autouse=True)
def no_network() -> Iterator[None]:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a safeguard must not use the network")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        patch.setattr(socket, "getaddrinfo", refuse)
        yield


@cache
def _look(check: str) -> Look:
    """Each model is loaded once for this file."""
    return new_look(check)


@pytest.fixture(params=OWN_CHECKS)
def named_look(request: pytest.FixtureRequest) -> tuple[str, Look]:
    return request.param, _look(request.param)


def test_contract_every_check_sees_its_example(named_look: tuple[str, Look]) -> None:
    check, look = named_look
    example = EXAMPLES[check]
    flat = np.full_like(example, 128)

    seen = look.look(_sample(flat, example))

    assert {each.frame for each in seen} >= {1}
    assert all(0 <= each.score <= 1 and each.label for each in seen)
    if check != "nudity":
        assert {each.frame for each in seen} == {1}
        assert all(each.box is not None for each in seen)


@pytest.mark.parametrize("size_px", [(64, 64), (1, 1), (37, 90)])
def test_contract_flat_frames_of_any_size_are_looked_at(
    named_look: tuple[str, Look], size_px: tuple[int, int]
) -> None:
    sample = _sample(*(picture("uniform", *size_px, seed) for seed in (0, 128, 255)))

    assert all(each.label == WHOLE_FRAME for each in named_look[1].look(sample))


def test_contract_same_frames_give_the_same_answer_through_the_protocol(
    named_look: tuple[str, Look],
) -> None:
    check, look = named_look
    sample = _sample(EXAMPLES[check])

    seen = look.look(sample)
    line = answer_from_sightings(look.look(sample)).encode()

    assert sightings_from_answer(line, check=check, frame_numbers=(0,)) == seen


def test_text_is_read() -> None:
    (seen,) = _look("text").look(_sample(EXAMPLES["text"]))

    assert seen.text == "NETFLIX"


def test_drawing_is_no_nudity() -> None:
    sightings = _look("nudity").look(_sample(EXAMPLES["nudity"]))

    assert nudity_findings(sightings) == ()


def test_face_is_its_own_and_nobody_elses() -> None:
    sightings = _look("faces").look(_sample(EXAMPLES["faces"]))
    own = entity("Own", kind=EntityKind.PERSON, face_embedding=sightings[0].vector)
    other = tuple(value + 2 * MAX_DISTANCE / 128**0.5 for value in sightings[0].vector)
    stranger = entity("Stranger", kind=EntityKind.PERSON, face_embedding=other)

    found = face_findings(sightings, [stranger, own])

    assert [(each.check, each.entity_id) for each in found] == [
        ("any-face", None),
        ("faces", "own"),
    ]


@pytest.mark.parametrize(
    ("whole", "boxed", "checks"),
    [
        (0.79, 0.49, []),
        (0.8, 0.0, ["nudity-doubt"]),
        (0.0, 0.5, ["nudity-doubt"]),
        (0.8, 0.5, ["nudity"]),
    ],
)
def test_two_models_together_are_certain(whole: float, boxed: float, checks: list[str]) -> None:
    sightings = [
        Sighting(frame=0, score=whole, label=WHOLE_FRAME),
        Sighting(frame=0, score=boxed, label=EXPOSED[0], box=(0, 0, 4, 4)),
    ]

    assert [each.check for each in nudity_findings(sightings)] == checks


@pytest.mark.parametrize(
    ("num_frames", "read"),
    [(1, (0,)), (2, (0, 1)), (5, (1, 4)), (9, (3, 8)), (33, (7, 15, 23, 32))],
)
def test_at_most_four_frames_are_read(num_frames: int, read: tuple[int, ...]) -> None:
    assert frames_to_read(num_frames) == read


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"nonsense\n",
        b"{}\n",
        b'{"error": "OutOfMemory"}\n',
        b'{"sightings": null}\n',
        b'{"sightings": [{"frame": 9, "score": 0.5, "label": "x"}]}\n',
        b'{"sightings": [{"frame": 0, "score": 1.5, "label": "x"}]}\n',
        b'{"sightings": [{"frame": 0, "score": NaN, "label": "x"}]}\n',
        b'{"sightings": [{"frame": 0, "score": 0.5, "label": "x", "more": 1}]}\n',
        b'{"sightings": [], "verdict": "fine"}\n',
    ],
)
def test_answer_that_is_not_of_the_protocol_is_no_answer(line: bytes) -> None:
    with pytest.raises(CheckFailed, match="logo"):
        sightings_from_answer(line, check="logo", frame_numbers=(0,))


def test_altered_weights_are_refused() -> None:
    with pytest.raises(CheckFailed, match="altered"):
        checked_weights(__file__, "0" * 64)


def test_written_name_that_moves_is_covered_until_it_is_read_no_more() -> None:
    word = written("NETFLIX", 60, 200)
    clip = np.stack([np.full((180, 360, 3), 90, np.uint8)] * 9)
    for number, frame_HWC in enumerate(clip):
        frame_HWC[60:120, 20 + 10 * number : 220 + 10 * number] = word
    rules = """
version: masks
rules: [{name: all, action: block, reason_code: blocked}]
output_rules: [{name: cover, action: mask, mask_by: inpaint, reason_code: name, checks: [text]}]
"""

    class Reading(FakeLooks):
        def look(self, sample: Sample) -> list[tuple[str, tuple[Sighting, ...]]]:
            return [("text", _look("text").look(sample))]

    policy = policy_from_yaml(rules.encode(), source="test")
    moderation = OutputModeration(registry(entity("Netflix")), Reading(), policy)

    masked = moderate_and_mask(moderation, clip, 8, ASKED, None)

    assert masked.verdict.reason_code == "masked"
    last = Sample(frames_THWC=masked.frames_THWC[:2], frame_numbers=(0, 1))
    assert not [each for each in _look("text").look(last) if "FLIX" in each.text.upper()]
    np.testing.assert_array_equal(masked.frames_THWC[:, :20], clip[:, :20])
