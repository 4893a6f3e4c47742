"""A claim's life on both databases: found, taken down, objected to, put back, forgotten."""

from __future__ import annotations

import pytest

from telecine_platform.errors import IllegalTransition, InvalidRequest, NotFound
from telecine_platform.jobs.due import visible_jobs
from telecine_platform.records import JobState, Stage
from telecine_platform.takedowns.states import ClaimState, HoldState
from telecine_safeguards.registry.entities import EntityStatus
from tests.records import at
from tests.telecine_platform.takedowns.scene import (
    ANSWER_S,
    CLAIMANT,
    COUNTER_S,
    EVIDENCE_S,
    OWNER,
    Scene,
    hash_of,
)


def taken_down(scene: Scene) -> tuple[str, str]:
    """One clip that a verified claim has taken down: ids of claim and job."""
    job_id = scene.release(1)
    claim = scene.claim(reference_hashes=(hash_of(1),))
    scene.verify(claim)
    scene.round(102)
    assert scene.state(job_id) is JobState.WITHDRAWN
    return claim.id, job_id


def test_claim_finds_by_fingerprint_and_by_prompt_and_waits_to_be_verified(
    any_scene: Scene,
) -> None:
    scene = any_scene
    by_picture, by_name = scene.release(1), scene.release(2, "qu1bblefox on a hill")
    other = scene.release(3)
    claim = scene.claim(names=("Quibblefox",), reference_hashes=(hash_of(1),))
    entity = scene.rights.get_entity(claim.entity_id)
    assert (entity.entity.status, entity.owner_tenant_id) == (EntityStatus.PROPOSED, CLAIMANT)
    scene.round(102)
    found, _ = scene.holds.of_claim(claim.id, limit=10)
    assert [(hold.job_id, hold.by, hold.state) for hold in found] == [
        (by_picture, "fingerprint", HoldState.FOUND), (by_name, "prompt", HoldState.FOUND),
    ]  # fmt: skip
    assert {scene.state(each) for each in (by_picture, by_name, other)} == {JobState.COMPLETED}
    assert scene.holds.of_owner(OWNER, limit=10) == ([], False)

    scene.verify(claim, 103)
    scene.round(104)
    assert scene.rights.get_entity(claim.entity_id).entity.status is EntityStatus.VERIFIED
    assert [scene.state(each) for each in (by_picture, by_name, other)] == [
        JobState.WITHDRAWN, JobState.WITHDRAWN, JobState.COMPLETED,
    ]  # fmt: skip
    assert scene.blobs.keys(f"results/{by_picture}") == []
    assert len(scene.blobs.keys(f"evidence/{by_picture}")) == 3
    assert len(scene.blobs.keys(f"results/{other}")) == 3
    assert scene.told(claim.id) == ["filed", "verified"]
    assert scene.told(by_picture) == ["found", "withdrawn"]


def test_clip_that_is_released_after_the_claim_is_found_too(scene: Scene) -> None:
    """It was screened before the entity was in force."""
    job_id = scene.release(1, is_done=False)
    claim = scene.claim(2, reference_hashes=(hash_of(1),))
    scene.verify(claim, 3)
    scene.round(40)
    assert not scene.claims.get(claim.id, CLAIMANT).is_search_complete
    scene.finish(1)
    scene.round(50)
    assert scene.state(job_id) is JobState.WITHDRAWN
    assert scene.claims.get(claim.id, CLAIMANT).is_search_complete


def test_objection_without_an_answer_brings_the_clip_back(any_scene: Scene) -> None:
    scene = any_scene
    claim_id, job_id = taken_down(scene)
    hold = scene.holds.counter(claim_id, job_id, OWNER, "It is mine.", at(200))
    assert hold.due_at == at(200 + ANSWER_S)
    scene.round(200 + ANSWER_S - 1)
    assert scene.state(job_id) is JobState.WITHDRAWN
    scene.round(200 + ANSWER_S)
    assert scene.state(job_id) is JobState.COMPLETED
    assert len(scene.blobs.keys(f"results/{job_id}")) == 3
    assert scene.blobs.keys(f"evidence/{job_id}") == []
    assert scene.jobs.get(job_id, OWNER).error is None
    assert scene.told(job_id) == ["found", "withdrawn", "countered", "reinstated"]


@pytest.mark.parametrize(
    ("decision", "state"),
    [(HoldState.UPHELD, JobState.WITHDRAWN), (HoldState.REINSTATED, JobState.COMPLETED)],
)
def test_contested_objection_is_decided_by_a_person(
    scene: Scene, decision: HoldState, state: JobState
) -> None:
    claim_id, job_id = taken_down(scene)
    scene.holds.counter(claim_id, job_id, OWNER, "It is mine.", at(200))
    scene.holds.contest(claim_id, job_id, CLAIMANT, "It is not.", at(201))
    scene.round(201 + ANSWER_S)
    assert scene.state(job_id) is JobState.WITHDRAWN
    scene.holds.decide(claim_id, job_id, decision, who="ops", now=at(900))
    scene.round(901)
    assert scene.state(job_id) is state
    record = scene.claimants.record(CLAIMANT, at(902))
    assert (record.num_held, record.dispute_rate) == (1, 1.0)
    assert record.loss_rate == float(decision is HoldState.REINSTATED)


def test_nobody_objects_and_the_evidence_is_forgotten_in_the_end(scene: Scene) -> None:
    claim_id, job_id = taken_down(scene)
    scene.round(102 + COUNTER_S)
    with pytest.raises(IllegalTransition, match="upheld"):
        scene.holds.counter(claim_id, job_id, OWNER, "Too late.", at(103 + COUNTER_S))
    scene.round(101 + COUNTER_S + EVIDENCE_S)
    assert len(scene.blobs.keys(f"evidence/{job_id}")) == 3
    scene.round(103 + COUNTER_S + EVIDENCE_S)
    assert scene.blobs.keys(f"evidence/{job_id}") == []
    assert scene.state(job_id) is JobState.WITHDRAWN


def test_retracted_claim_gives_back_and_protects_no_longer(scene: Scene) -> None:
    claim_id, job_id = taken_down(scene)
    claim = scene.claims.end(
        claim_id, ClaimState.RETRACTED, who=CLAIMANT, tenant_id=CLAIMANT, now=at(200)
    )
    scene.round(201)
    assert scene.state(job_id) is JobState.COMPLETED
    entity = scene.rights.get_entity(claim.entity_id).entity
    assert entity.status is EntityStatus.WITHDRAWN
    with pytest.raises(IllegalTransition):
        scene.verify(claim, 202)


def test_clip_that_two_claims_hold_comes_back_when_both_let_go(any_scene: Scene) -> None:
    scene = any_scene
    claim_id, job_id = taken_down(scene)
    other = scene.claim(110, reference_hashes=(hash_of(1),))
    scene.verify(other, 111)
    scene.round(112)
    for number, each in enumerate((claim_id, other.id)):
        assert scene.state(job_id) is JobState.WITHDRAWN
        scene.claims.end(each, ClaimState.REJECTED, who="ops", tenant_id=None, now=at(200 + number))
        scene.round(210 + number)
    assert scene.state(job_id) is JobState.COMPLETED


def test_deleted_clip_stays_deleted(scene: Scene) -> None:
    claim_id, job_id = taken_down(scene)
    scene.jobs.delete(job_id, OWNER, at(150))
    scene.claims.end(claim_id, ClaimState.REJECTED, who="ops", tenant_id=None, now=at(200))
    scene.round(201)
    with pytest.raises(NotFound):
        scene.jobs.get(job_id, OWNER)
    assert scene.blobs.keys("results") == scene.blobs.keys(f"evidence/{job_id}") == []


def test_clip_that_is_gone_before_the_claim_is_verified_is_dropped(scene: Scene) -> None:
    job_id = scene.release(1)
    claim = scene.claim(reference_hashes=(hash_of(1),))
    scene.round(101)
    scene.jobs.delete(job_id, OWNER, at(102))
    scene.verify(claim, 103)
    scene.round(104)
    assert scene.hold(claim, job_id) is HoldState.DROPPED


def test_withdrawn_clip_does_not_expire_and_lives_anew_once_it_is_back(scene: Scene) -> None:
    claim_id, job_id = taken_down(scene)
    assert visible_jobs(scene.database, at(9_000)) == []
    scene.claims.end(claim_id, ClaimState.REJECTED, who="ops", tenant_id=None, now=at(8_000))
    scene.round(8_001)
    assert visible_jobs(scene.database, at(8_000)) == []
    assert [job.id for job in visible_jobs(scene.database, at(8_002))] == [job_id]


def test_strangers_can_do_nothing(scene: Scene) -> None:
    claim_id, job_id = taken_down(scene)
    with pytest.raises(NotFound):
        scene.holds.counter(claim_id, job_id, "stranger", "Mine.", at(200))
    scene.holds.counter(claim_id, job_id, OWNER, "Mine.", at(200))
    with pytest.raises(NotFound):
        scene.holds.contest(claim_id, job_id, "stranger", "Mine.", at(201))
    with pytest.raises(NotFound):
        scene.claims.get(claim_id, "stranger")


def test_answer_that_comes_too_late_does_not_count(scene: Scene) -> None:
    claim_id, job_id = taken_down(scene)
    scene.holds.counter(claim_id, job_id, OWNER, "Mine.", at(200))
    with pytest.raises(InvalidRequest, match="time to answer ended"):
        scene.holds.contest(claim_id, job_id, CLAIMANT, "No.", at(200 + ANSWER_S))


def test_broad_claim_takes_nothing_more_down_until_it_is_confirmed(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telecine_platform.takedowns.claims.BROAD_CLIPS", 2)
    released = [scene.release(number, "a fox") for number in range(1, 5)]
    claim = scene.claim(names=("fox",))
    scene.round(101)
    with pytest.raises(InvalidRequest, match="confirm_clips: 4"):
        scene.verify(claim, 102)
    with pytest.raises(InvalidRequest, match="confirm_clips: 4"):
        scene.claims.verify(claim.id, who="ops", confirm_clips=3, now=at(102))
    scene.claims.verify(claim.id, who="ops", confirm_clips=4, now=at(103))
    scene.round(104)
    assert {scene.state(each) for each in released} == {JobState.WITHDRAWN}


def test_claim_that_grows_broad_after_it_was_verified_stops(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telecine_platform.takedowns.claims.BROAD_CLIPS", 2)
    released = [scene.release(number, "a fox") for number in range(1, 4)]
    claim = scene.verify(scene.claim(names=("fox",)))
    scene.round(104)
    assert [scene.state(each) for each in released].count(JobState.WITHDRAWN) == 2
    scene.claims.confirm(claim.id, who="ops", confirm_clips=3, now=at(105))
    scene.round(106)
    assert {scene.state(each) for each in released} == {JobState.WITHDRAWN}


def test_withdrawn_job_cannot_be_claimed_or_cancelled(scene: Scene) -> None:
    _, job_id = taken_down(scene)
    assert scene.jobs.claim(Stage.MODERATION, "w", 15, at(500)) is None
    with pytest.raises(IllegalTransition):
        scene.jobs.cancel(job_id, OWNER, at(500))


def test_claimants_media_are_forgotten_some_time_after_the_claim_has_ended(scene: Scene) -> None:
    claim, open_claim = scene.claim(has_reference=True), scene.claim(has_reference=True)
    scene.folder.joinpath("media").write_bytes(b"media")
    for each in (claim, open_claim):
        for number in (1, 2):  # the second replaces the first
            key = f"evidence/{each.id}/{number}"
            scene.blobs.create(key, scene.folder / "media", "video/mp4")
            scene.claims.set_reference(each.id, CLAIMANT, key)
    scene.claims.end(claim.id, ClaimState.RETRACTED, who=CLAIMANT, tenant_id=CLAIMANT, now=at(200))

    scene.round(200 + EVIDENCE_S - 1)
    assert len(scene.blobs.keys(f"evidence/{claim.id}")) == 2

    scene.round(200 + EVIDENCE_S + 1)
    assert scene.blobs.keys(f"evidence/{claim.id}") == []
    assert scene.claims.get(claim.id, None).reference is None
    assert len(scene.blobs.keys(f"evidence/{open_claim.id}")) == 2
