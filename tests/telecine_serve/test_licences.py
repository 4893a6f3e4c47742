"""What screening decides, and what a revoked licence stops, through the loop of the stages."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from telecine_platform.clock import utc_now
from telecine_platform.jobs.held import HeldJobs
from telecine_platform.jobs.lease import Lease
from telecine_platform.jobs.store import JobStore
from telecine_platform.records import ClipKeys, Job, JobState, Stage
from telecine_platform.rights.records import Change
from telecine_platform.rights.store import RightsStore
from telecine_platform.settings import Settings
from telecine_platform.storage.local import LocalStore
from telecine_safeguards.verdict import Action
from telecine_serve.stage import Block, HandOver, Hold, Outcome, Release, StageLoop
from tests.databases import open_jobs
from tests.records import spec, verdict
from tests.rights_records import grant, seeded

CLIP = ClipKeys(video="v", thumbnail="t", spritesheet="s")
LICENSED = HandOver(verdict=verdict(grants_used=("grant_1",)))


@dataclass
class OneJob:
    """Answers one job with a prepared outcome, and may do something first."""

    outcome: Outcome
    first: list[object] = field(default_factory=list)
    seen: list[Job] = field(default_factory=list)
    loop: StageLoop | None = None

    def work(self, job: Job, lease: Lease) -> Outcome:
        self.seen.append(job)
        for call in self.first:
            assert callable(call)
            call()
        return self.outcome

    def check_health(self) -> None:
        """Stop after the first claim, whether the worker saw the job or not."""

    def close(self) -> None:
        pass


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, lease_s=1, heartbeat_s=0.05, poll_s=0.01)


@pytest.fixture
def jobs(settings: Settings) -> Iterator[JobStore]:
    store = open_jobs(settings.data_dir)
    store.submit(job_id="video_1", tenant_id="acme", spec=spec(), traceparent="", now=utc_now())
    yield store
    store.close()


@pytest.fixture
def rights(jobs: JobStore) -> RightsStore:
    store = seeded(jobs.database)
    store.grant(grant(), now())
    return store


def now() -> Change:
    return Change(who="tests", at=utc_now())


def run(jobs: JobStore, settings: Settings, stage: Stage, worker: OneJob) -> Job:
    """Let the stage settle exactly one job."""
    loop = StageLoop(stage, worker, jobs, LocalStore(settings.data_dir / "blobs"), settings)
    claim = jobs.claim

    def claim_once(*arguments: Any, **options: Any) -> Job | None:
        loop.stop()
        return claim(*arguments, **options)

    jobs.claim = claim_once  # type: ignore[method-assign]
    try:
        loop.run()
    finally:
        jobs.claim = claim  # type: ignore[method-assign]
    return jobs.get("video_1", "acme")


def test_revoked_consent_stops_a_job_that_waits_for_generation(
    jobs: JobStore, rights: RightsStore, settings: Settings
) -> None:
    run(jobs, settings, Stage.SCREENING, OneJob(LICENSED))
    rights.revoke("grant_1", now())
    generation = OneJob(HandOver(draft="q/d"))
    job = run(jobs, settings, Stage.GENERATION, generation)
    assert (job.state, generation.seen) == (JobState.BLOCKED, [])
    assert job.error is not None
    assert job.error.code == "licence_revoked"


def test_revoked_consent_stops_a_job_that_waits_for_moderation(
    jobs: JobStore, rights: RightsStore, settings: Settings
) -> None:
    run(jobs, settings, Stage.SCREENING, OneJob(LICENSED))
    run(jobs, settings, Stage.GENERATION, OneJob(HandOver(draft="q/d")))
    rights.revoke("grant_1", now())
    moderation = OneJob(Release(clip=CLIP, verdict=verdict()))
    job = run(jobs, settings, Stage.MODERATION, moderation)
    assert (job.state, job.clip, moderation.seen) == (JobState.BLOCKED, None, [])


def test_consent_that_is_revoked_during_moderation_keeps_the_clip_back(
    jobs: JobStore, rights: RightsStore, settings: Settings
) -> None:
    run(jobs, settings, Stage.SCREENING, OneJob(LICENSED))
    run(jobs, settings, Stage.GENERATION, OneJob(HandOver(draft="q/d")))
    release = Release(clip=CLIP, verdict=verdict())
    revoking = OneJob(release, first=[lambda: rights.revoke("grant_1", now())])
    job = run(jobs, settings, Stage.MODERATION, revoking)
    assert (job.state, job.clip) == (JobState.BLOCKED, None)


def test_licence_that_holds_lets_the_job_through(
    jobs: JobStore, rights: RightsStore, settings: Settings
) -> None:
    run(jobs, settings, Stage.SCREENING, OneJob(LICENSED))
    run(jobs, settings, Stage.GENERATION, OneJob(HandOver(draft="q/d")))
    job = run(jobs, settings, Stage.MODERATION, OneJob(Release(clip=CLIP, verdict=verdict())))
    assert job.state is JobState.COMPLETED
    assert [use.job_state for use in rights.uses("grant_1", limit=9)[0]] == ["completed"]


def test_review_holds_the_job_until_a_person_lets_it_on(jobs: JobStore, settings: Settings) -> None:
    review = Hold(verdict=verdict(Action.REVIEW))
    assert run(jobs, settings, Stage.SCREENING, OneJob(review)).state is JobState.HELD
    HeldJobs(jobs.database).approve("video_1", who="support", note="", now=utc_now())
    job = run(jobs, settings, Stage.GENERATION, OneJob(HandOver(draft="q/d")))
    assert (job.stage, job.draft) == (Stage.MODERATION, "q/d")


def test_missing_licence_ends_the_job_like_a_block(
    jobs: JobStore, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    required = verdict(Action.LICENCE_REQUIRED, reason_code="licence_required", message="Ask Zorb.")
    with caplog.at_level(logging.DEBUG):
        job = run(jobs, settings, Stage.SCREENING, OneJob(Block(verdict=required)))
    assert job.state is JobState.BLOCKED
    assert job.error is not None
    assert (job.error.code, job.error.message) == ("licence_required", "Ask Zorb.")
    assert spec().prompt not in caplog.text
