"""Uses are written with the hand-over, and held jobs with the reviewer's word."""

from __future__ import annotations

from decimal import Decimal

import pytest

from telecine_platform.errors import IllegalTransition, LeaseLost, NotFound
from telecine_platform.jobs.due import lost_jobs, visible_jobs
from telecine_platform.jobs.held import HeldJobs
from telecine_platform.jobs.store import JobStore
from telecine_platform.records import Job, JobState, Stage
from telecine_platform.rights.claim import licence_stop
from telecine_platform.rights.store import RightsStore
from telecine_safeguards.verdict import Action
from tests.records import at, spec, verdict
from tests.rights_records import change, grant

LICENSED = verdict(grants_used=("grant_1",))


def claimed(jobs: JobStore, job_id: str = "video_1", stage: Stage = Stage.SCREENING) -> Job:
    if stage is Stage.SCREENING:
        jobs.submit(job_id=job_id, tenant_id="acme", spec=spec(), traceparent="", now=at(0))
    job = jobs.claim(stage, "worker", 15, at(1 if stage is Stage.SCREENING else 5))
    assert job is not None
    return job


def held(jobs: JobStore, **changes: object) -> HeldJobs:
    jobs.hold(claimed(jobs), verdict(Action.REVIEW, **changes), at(2))
    return HeldJobs(jobs.database)


def test_hand_over_writes_the_use_at_its_price(jobs: JobStore, rights: RightsStore) -> None:
    rights.grant(grant(price=Decimal("2.50"), currency="EUR"), change())
    jobs.hand_over(claimed(jobs), LICENSED, at(2))
    (use,), has_more = rights.uses("grant_1", limit=9)
    assert (use.job_id, use.tenant_id, use.entity_id) == ("video_1", "acme", "zorbulon")
    assert (use.price, use.currency, use.at) == (Decimal("2.50"), "EUR", at(2))
    assert (use.job_state, has_more) == ("queued", False)


def test_an_entitys_uses_are_those_of_all_its_grants(jobs: JobStore, rights: RightsStore) -> None:
    rights.grant(grant(), change())
    rights.grant(grant(id="grant_2", tenant_id="other"), change())
    for job_id, grant_id in (("video_1", "grant_1"), ("video_2", "grant_2")):
        used = verdict(grants_used=(grant_id,))
        jobs.hand_over(claimed(jobs, job_id), used, at(2))
    first, has_more = rights.uses_of_entity("zorbulon", limit=1)
    assert ([use.grant_id for use in first], has_more) == (["grant_1"], True)
    rest, _ = rights.uses_of_entity("zorbulon", limit=9, after="video_1")
    assert [use.grant_id for use in rest] == ["grant_2"]
    with pytest.raises(NotFound):
        rights.uses_of_entity("nobody", limit=9)


def test_fenced_out_hand_over_writes_no_use(jobs: JobStore, rights: RightsStore) -> None:
    rights.grant(grant(), change())
    job = claimed(jobs)
    jobs.delete("video_1", "acme", at(2))
    with pytest.raises(LeaseLost):
        jobs.hand_over(job, LICENSED, at(3))
    assert rights.uses("grant_1", limit=9) == ([], False)


def test_use_outlives_the_job_without_its_texts(jobs: JobStore, rights: RightsStore) -> None:
    rights.grant(grant(), change())
    jobs.hand_over(claimed(jobs), LICENSED, at(2))
    jobs.delete("video_1", "acme", at(3))
    assert rights.uses("grant_1", limit=9)[0][0].job_state == "cancelled"


def test_uses_page_by_job(jobs: JobStore, rights: RightsStore) -> None:
    rights.grant(grant(), change())
    for name in ("video_1", "video_2", "video_3"):
        jobs.hand_over(claimed(jobs, name), LICENSED, at(2))
    first, has_more = rights.uses("grant_1", limit=2)
    rest, no_more = rights.uses("grant_1", limit=2, after=first[-1].job_id)
    assert [use.job_id for use in (*first, *rest)] == ["video_1", "video_2", "video_3"]
    assert (has_more, no_more) == (True, False)


def test_licence_is_asked_for_at_each_claim(jobs: JobStore, rights: RightsStore) -> None:
    rights.grant(grant(ends_at=at(10)), change())
    jobs.hand_over(claimed(jobs), LICENSED, at(2))
    job = claimed(jobs, stage=Stage.GENERATION)
    assert licence_stop(rights, job, at(9)) is None
    ended = licence_stop(rights, job, at(10))
    rights.revoke("grant_1", change(5))
    revoked = licence_stop(rights, job, at(6))
    for stop in (ended, revoked):
        assert stop is not None
        assert (stop.is_block, stop.reason_code) == (True, "licence_revoked")


def test_held_job_is_claimed_by_nobody_and_counts_in_no_backlog(jobs: JobStore) -> None:
    held(jobs)
    job = jobs.get("video_1", "acme")
    assert (job.state, job.state.is_final) == (JobState.HELD, False)
    assert [jobs.claim(stage, "w", 15, at(99)) for stage in Stage] == [None] * 3
    assert jobs.backlog(Stage.SCREENING, at(99)).num_queued == 0
    assert lost_jobs(jobs.database, at(999)) == []
    assert visible_jobs(jobs.database, at(999)) == []


def test_approved_job_goes_on_to_generation_with_its_uses(
    jobs: JobStore, rights: RightsStore
) -> None:
    rights.grant(grant(), change())
    queue = held(jobs, grants_used=("grant_1",))
    assert rights.uses("grant_1", limit=9)[0] == []
    queue.approve("video_1", who="support", note="a parody", now=at(3))
    job = claimed(jobs, stage=Stage.GENERATION)
    assert [item.reason_code for item in job.verdicts][1:] == ["review_approved"]
    assert len(rights.uses("grant_1", limit=9)[0]) == 1
    assert "parody" not in str([row.reason for row in jobs.history("video_1")])


def test_refused_job_ends_with_the_reviewers_note(jobs: JobStore) -> None:
    held(jobs).refuse("video_1", who="support", note="This is a living person.", now=at(3))
    job = jobs.get("video_1", "acme")
    assert (job.state, job.finished_at) == (JobState.BLOCKED, at(3))
    assert job.error is not None
    assert (job.error.code, "living person" in job.error.message) == ("review_refused", True)


def test_deleted_held_job_is_cancelled_and_leaves_the_queue(jobs: JobStore) -> None:
    queue = held(jobs)
    jobs.delete("video_1", "acme", at(3))
    assert queue.list_held(limit=9) == ([], False)
    with pytest.raises(NotFound):
        queue.approve("video_1", who="support", note="", now=at(4))


def test_second_decision_is_refused(jobs: JobStore) -> None:
    queue = held(jobs)
    queue.refuse("video_1", who="a", note="", now=at(3))
    with pytest.raises(IllegalTransition, match="only held jobs"):
        queue.approve("video_1", who="b", note="", now=at(4))


def test_rewrite_is_what_will_be_generated(jobs: JobStore) -> None:
    rewrite = verdict(
        Action.REWRITE, rewritten_prompt="a round robot", added_negative_prompt="Zorbulon"
    )
    jobs.hand_over(claimed(jobs), rewrite, at(2))
    job = claimed(jobs, stage=Stage.GENERATION)
    assert job.spec == spec()
    assert job.screened_spec == spec(prompt="a round robot", negative_prompt="Zorbulon")
