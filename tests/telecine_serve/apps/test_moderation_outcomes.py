"""What a clip's verdict leads to: release, review, another attempt, another clip, or a block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from telecine_platform.errors import CheckUnanswered, LeaseLost
from telecine_platform.jobs.held import HeldJobs
from telecine_platform.jobs.retry import Failure, failure_from_error
from telecine_platform.jobs.store import JobStore
from telecine_platform.records import Job, JobState, Stage
from telecine_safeguards.policy import check_failed
from telecine_safeguards.verdict import Action, Checkpoint, Verdict
from telecine_serve.apps.moderation import outcome_before_release, released
from telecine_serve.stage import Block, Hold, MakeAgain
from tests.records import at, spec, verdict

UNANSWERED = check_failed("nudity", checkpoint=Checkpoint.OUTPUT, registry_version="v1")
ATTEMPTS = 3


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[JobStore]:
    opened = JobStore(f"sqlite:///{tmp_path / 'jobs.db'}")
    opened.create_tables()
    yield opened
    opened.close()


def seen(action: Action, **changes: Any) -> Verdict:
    return verdict(action, checkpoint=Checkpoint.OUTPUT, rule="rule", **changes)


def moderated(jobs: JobStore) -> Job:
    """A job in its moderation, under a worker."""
    jobs.submit(job_id="video_1", tenant_id="acme", spec=spec(), traceparent="", now=at(0))
    jobs.hand_over(claimed(jobs, Stage.SCREENING, 1), verdict(), at(1))
    jobs.hand_over(claimed(jobs, Stage.GENERATION, 2), None, at(2))
    return claimed(jobs, Stage.MODERATION, 3)


def claimed(jobs: JobStore, stage: Stage, second: int) -> Job:
    job = jobs.claim(stage, "w", 15, at(second))
    assert job is not None
    return job


@pytest.mark.parametrize(
    ("action", "outcome"),
    [
        (Action.REVIEW, Hold),
        (Action.RESTYLE, MakeAgain),
        (Action.BLOCK, Block),
        (Action.LICENCE_REQUIRED, Block),
        (Action.REWRITE, Block),
    ],
)
def test_everything_but_an_allow_keeps_the_clip(
    jobs: JobStore, action: Action, outcome: type
) -> None:
    job = moderated(jobs)

    assert isinstance(outcome_before_release(seen(action), job, ATTEMPTS), outcome)
    assert outcome_before_release(seen(Action.ALLOW), job, ATTEMPTS) is None


def test_check_without_an_answer_is_tried_again_and_then_put_before_a_person(
    jobs: JobStore,
) -> None:
    job = moderated(jobs)
    for attempt in (1, 2):
        with pytest.raises(CheckUnanswered, match="'nudity'") as raised:
            outcome_before_release(UNANSWERED, replace(job, attempt=attempt), ATTEMPTS)
        assert failure_from_error(raised.value) is Failure.UNKNOWN

    last = outcome_before_release(UNANSWERED, replace(job, attempt=ATTEMPTS), ATTEMPTS)

    assert isinstance(last, Hold)
    assert last.verdict.reason_code == "check_failed"


def test_approved_clip_goes_through_moderation_again_and_is_released_as_approved(
    jobs: JobStore,
) -> None:
    jobs.hold(moderated(jobs), seen(Action.REVIEW), at(4))
    HeldJobs(jobs.database).approve("video_1", who="support", note="", now=at(5))

    job = claimed(jobs, Stage.MODERATION, 6)

    for again in (seen(Action.REVIEW), UNANSWERED):
        assert outcome_before_release(again, job, ATTEMPTS) is None
        on_record = released(again)
        assert (on_record.action, on_record.rule) == (Action.ALLOW, "review")
    for harder in (Action.BLOCK, Action.LICENCE_REQUIRED):
        assert isinstance(outcome_before_release(seen(harder), job, ATTEMPTS), Block)


def test_approved_prompt_does_not_approve_the_clip(jobs: JobStore) -> None:
    prompt = verdict(Action.ALLOW, reason_code="review_approved")
    job = replace(moderated(jobs), verdicts=(prompt,))

    assert isinstance(outcome_before_release(seen(Action.REVIEW), job, ATTEMPTS), Hold)


def test_clip_is_made_again_without_what_was_seen_and_at_most_twice(jobs: JobStore) -> None:
    job = moderated(jobs)
    for number, name in enumerate(("Robo", "Zorb")):
        again = seen(Action.RESTYLE, added_negative_prompt=name)
        assert isinstance(outcome_before_release(again, job, ATTEMPTS), MakeAgain)
        jobs.make_again(job, again, at(4 + 10 * number))
        job = claimed(jobs, Stage.GENERATION, 5 + 10 * number)
        assert (job.attempt, job.state) == (1, JobState.RUNNING)
        jobs.hand_over(job, None, at(6 + 10 * number))
        job = claimed(jobs, Stage.MODERATION, 7 + 10 * number)

    assert job.screened_spec.negative_prompt.endswith("Robo, Zorb")
    assert job.screened_spec.prompt == job.spec.prompt
    last = outcome_before_release(seen(Action.RESTYLE), job, ATTEMPTS)
    assert isinstance(last, Block)
    assert last.verdict.action is Action.BLOCK


def test_only_moderation_sends_a_job_back(jobs: JobStore) -> None:
    jobs.submit(job_id="video_1", tenant_id="acme", spec=spec(), traceparent="", now=at(0))
    job = claimed(jobs, Stage.SCREENING, 1)

    with pytest.raises(ValueError, match="sends nothing back"):
        jobs.make_again(job, seen(Action.RESTYLE), at(2))


def test_worker_that_lost_the_job_cannot_send_it_back(jobs: JobStore) -> None:
    job = moderated(jobs)
    jobs.cancel("video_1", "acme", at(4))

    with pytest.raises(LeaseLost):
        jobs.make_again(job, seen(Action.RESTYLE), at(5))
