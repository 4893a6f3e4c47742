"""The contract that every check of frames keeps, then what each one sees."""

from __future__ import annotations

import socket

import numpy as np
import pytest

from telecine_safeguards.errors import CheckFailed
from telecine_safeguards.output.moderate import FrameCheck, standard_checks
from telecine_safeguards.output.nudity import NudityCheck, findings_from_scores
from telecine_safeguards.output.pdq import pdq_from_picture
from telecine_safeguards.output.reference import FingerprintCheck
from telecine_safeguards.output.sample import Sample, sample_clip
from telecine_safeguards.registry.entities import Registry
from tests.telecine_safeguards.pictures import Picture, picture
from tests.telecine_safeguards.registries import entity, registry

ARTWORK = picture("shapes", 128, 128, 7)


def _bank(*pictures: Picture) -> Registry:
    hashes = tuple(pdq_from_picture(each).hex for each in pictures)
    return registry(entity("Other Robo"), entity("Robo", reference_hashes=hashes))


def _sample(*pictures: Picture) -> Sample:
    return sample_clip(np.stack(pictures), fps=2)


@pytest.fixture(params=["fingerprint", "nudity"], scope="module")
def check(request: pytest.FixtureRequest) -> FrameCheck:
    checks = {each.name: each for each in standard_checks(_bank(ARTWORK))}
    found: FrameCheck = checks[request.param]
    return found


@pytest.mark.parametrize("size_px", [(64, 64), (1, 1), (37, 90)])
def test_contract_harmless_frames_of_any_size_have_no_findings(
    check: FrameCheck, size_px: tuple[int, int]
) -> None:
    sample = _sample(*(picture("uniform", *size_px, seed) for seed in (0, 128, 255)))

    assert check.check(sample) == ()


def test_contract_same_frames_give_the_same_findings(check: FrameCheck) -> None:
    sample = _sample(ARTWORK, picture("waves", 128, 128, 1))

    first = check.check(sample)

    assert isinstance(first, tuple)
    assert check.check(sample) == first


def test_contract_findings_carry_the_checks_name_and_a_share(check: FrameCheck) -> None:
    findings = check.check(_sample(ARTWORK))

    assert all(each.check == check.name and 0 <= each.score <= 1 for each in findings)


@pytest.mark.parametrize(
    ("name", "copy"),
    [
        ("the same", ARTWORK),
        ("mirrored", ARTWORK[:, ::-1]),
        ("upside down", ARTWORK[::-1]),
        ("turned", np.rot90(ARTWORK)),
        ("half the size", ARTWORK[::2, ::2]),
        ("darker", ARTWORK // 2),
        ("in 64 colours", ARTWORK // 64 * 64),
    ],
)
def test_copy_of_registered_artwork_is_found(name: str, copy: Picture) -> None:
    (finding,) = FingerprintCheck(_bank(ARTWORK)).check(_sample(np.ascontiguousarray(copy)))

    assert (finding.entity_id, finding.matched) == ("robo", "frame 0"), name


def test_one_frame_is_enough_and_the_closest_is_reported() -> None:
    frames = [picture("waves", 128, 128, 1), ARTWORK // 64 * 64, ARTWORK]

    (finding,) = FingerprintCheck(_bank(ARTWORK)).check(_sample(*frames))

    assert (finding.matched, finding.score) == ("frame 2", 1)


def test_other_pictures_do_not_match() -> None:
    frames = [picture(formula, 128, 128, 3) for formula in ("waves", "shapes", "blurred_noise")]

    assert FingerprintCheck(_bank(ARTWORK)).check(_sample(*frames)) == ()


@pytest.mark.parametrize(
    "frame",
    [
        picture("uniform", 128, 128, 90),
        np.random.default_rng(0).integers(100, 104, (128, 128, 3), dtype=np.uint8),
    ],
    ids=["uniform", "faint noise"],
)
def test_frame_without_structure_matches_not_even_itself(frame: Picture) -> None:
    assert FingerprintCheck(_bank(frame)).check(_sample(frame)) == ()


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a safeguard must not use the network")

    monkeypatch.setattr(socket, "socket", refuse)


@pytest.mark.usefixtures("no_network")
def test_nudity_model_loads_and_scores_offline() -> None:
    assert NudityCheck().check(_sample(ARTWORK)) == ()


@pytest.mark.parametrize(("score", "num_findings"), [(0.0, 0), (0.79, 0), (0.8, 1), (1.0, 1)])
def test_nudity_counts_from_the_threshold_on(score: float, num_findings: int) -> None:
    assert len(findings_from_scores([score], [4])) == num_findings


@pytest.mark.parametrize("scores", [[], [0.1, 0.2], [float("nan")], [1.5]])
def test_nudity_score_that_makes_no_sense_is_no_answer(scores: list[float]) -> None:
    with pytest.raises(CheckFailed, match="nudity"):
        findings_from_scores(scores, [0])
