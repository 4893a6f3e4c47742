"""Cancelling, deadlines and creates that come again: the same on SQLite and PostgreSQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest

from telecine_platform.errors import IdempotencyConflict, IllegalTransition, LeaseLost, NotFound
from telecine_platform.jobs.glimpse import Glimpse, read_glimpses
from telecine_platform.jobs.overdue import fail_overdue
from telecine_platform.jobs.pages import JobFilter, numbered_page
from telecine_platform.jobs.store import JobStore
from telecine_platform.jobs.tickets import Ticket, forget_tickets
from telecine_platform.records import ClipKeys, Job, JobState, JobTerms, Stage
from tests.records import at, spec, verdict

CLIP = ClipKeys(video="v", thumbnail="t", spritesheet="s", last_frame="l")
TERMS = JobTerms(
    priority=7,
    service_tier="flex",
    deadline_at=at(60),
    use="advertising",
    region="EU",
    remixed_from="video_0",
    callback_url="https://example.org/hook",
    safety_identifier="user-1",
    wants_last_frame=True,
)


def submit(
    jobs: JobStore,
    job_id: str = "video_1",
    *,
    tenant: str = "acme",
    terms: JobTerms = TERMS,
    ticket: Ticket | None = None,
    now: datetime = at(0),  # noqa: B008  # a constant of the tests
) -> Job:
    return jobs.submit(
        job_id=job_id,
        tenant_id=tenant,
        spec=spec(),
        traceparent="",
        now=now,
        terms=terms,
        ticket=ticket,
    )


def claim(jobs: JobStore, stage: Stage, second: int) -> Job:
    job = jobs.claim(stage, "worker-1", 15, at(second))
    assert job is not None
    return job


def bring_to(jobs: JobStore, state: JobState) -> Job | None:
    """A job in `state`, and as its worker has it where one does."""
    submit(jobs)
    if state is JobState.QUEUED:
        return None
    job = claim(jobs, Stage.SCREENING, 1)
    if state is JobState.HELD:
        jobs.hold(job, verdict(), at(2))
        return None
    return job


def ticket(key: str = "k", body: str = "b", second: int = 100) -> Ticket:
    return Ticket(key_sha256=key, body_sha256=body, expires_at=at(second))


def test_terms_come_back_as_they_were_stored(jobs: JobStore) -> None:
    submit(jobs)
    assert jobs.get("video_1", "acme").terms == TERMS
    assert submit(jobs, "video_2", terms=JobTerms()).terms == JobTerms()


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.RUNNING, JobState.HELD])
def test_cancelling_ends_a_job_and_cuts_its_worker_off(jobs: JobStore, state: JobState) -> None:
    worked_on = bring_to(jobs, state)

    cancelled = jobs.cancel("video_1", "acme", at(5))

    assert (cancelled.state, cancelled.finished_at) == (JobState.CANCELLED, at(5))
    assert jobs.cancel("video_1", "acme", at(6)) == cancelled
    assert [row.reason for row in jobs.history("video_1")][-1] == "cancelled"
    assert jobs.claim(Stage.SCREENING, "worker-2", 15, at(7)) is None
    if worked_on is not None:
        with pytest.raises(LeaseLost):
            jobs.heartbeat(worked_on, 15, at(6))
        with pytest.raises(LeaseLost):
            jobs.hand_over(worked_on, verdict(), at(6))


def test_what_has_ended_otherwise_cannot_be_cancelled(jobs: JobStore) -> None:
    job = bring_to(jobs, JobState.RUNNING)
    assert job is not None
    jobs.block(job, verdict(), at(2))
    with pytest.raises(IllegalTransition, match="blocked and cannot become cancelled"):
        jobs.cancel("video_1", "acme", at(5))
    with pytest.raises(NotFound):
        jobs.cancel("video_1", "somebody-else", at(5))


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.RUNNING, JobState.HELD])
def test_a_job_fails_when_its_deadline_passes(jobs: JobStore, state: JobState) -> None:
    worked_on = bring_to(jobs, state)
    submit(jobs, "video_2", terms=JobTerms())

    assert fail_overdue(jobs.database, at(59)) == []
    assert fail_overdue(jobs.database, at(60)) == ["video_1"]
    assert fail_overdue(jobs.database, at(61)) == []

    job = jobs.get("video_1", "acme")
    assert job.error is not None
    assert (job.state, job.error.code, job.finished_at) == (JobState.FAILED, "expired", at(60))
    assert jobs.get("video_2", "acme").state is JobState.QUEUED
    if worked_on is not None:
        with pytest.raises(LeaseLost):
            jobs.hand_over(worked_on, verdict(), at(61))


def test_the_same_ticket_is_the_same_job(jobs: JobStore) -> None:
    first = submit(jobs, ticket=ticket())

    assert submit(jobs, "video_2", ticket=ticket()).id == first.id
    assert jobs.submitted_before(ticket(), "acme", at(1)) == first
    assert submit(jobs, "video_3", tenant="other", ticket=ticket()).id == "video_3"
    with pytest.raises(IdempotencyConflict, match="another body"):
        submit(jobs, "video_4", ticket=ticket(body="c"))
    with pytest.raises(IdempotencyConflict, match="another body"):
        jobs.submitted_before(ticket(body="c"), "acme", at(1))
    with pytest.raises(NotFound):
        jobs.get("video_2", "acme")


def test_of_equal_creates_at_once_one_makes_a_job(jobs: JobStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(
            pool.map(lambda number: submit(jobs, f"video_{number}", ticket=ticket()), range(24))
        )
    assert len({job.id for job in found}) == 1
    assert len(jobs.list_jobs("acme", limit=100)[0]) == 1


def test_an_expired_ticket_makes_another_job(jobs: JobStore) -> None:
    submit(jobs, ticket=ticket())
    assert jobs.submitted_before(ticket(), "acme", at(100)) is None
    assert submit(jobs, "video_2", ticket=ticket(second=200), now=at(100)).id == "video_2"
    forget_tickets(jobs.database, at(200))
    assert submit(jobs, "video_3", ticket=ticket(second=300), now=at(150)).id == "video_3"


def test_the_ticket_of_a_deleted_job_makes_no_other(jobs: JobStore) -> None:
    submit(jobs, ticket=ticket())
    jobs.delete("video_1", "acme", at(1))
    with pytest.raises(IdempotencyConflict, match="was deleted"):
        submit(jobs, "video_2", ticket=ticket())


def test_glimpses_show_where_many_jobs_stand(jobs: JobStore) -> None:
    ids = [f"video_{number}" for number in range(1, 1_101)]
    submit(jobs, ids[0])
    jobs.heartbeat(claim(jobs, Stage.SCREENING, 1), 15, at(2), progress=40)
    submit(jobs, ids[-1])
    submit(jobs, ids[1])
    jobs.delete(ids[1], "acme", at(3))

    found = read_glimpses(jobs.database, ids)

    stage = Stage.SCREENING
    assert found == {
        ids[0]: Glimpse(state=JobState.RUNNING, stage=stage, epoch=1, progress=40),
        ids[-1]: Glimpse(state=JobState.QUEUED, stage=stage, epoch=0, progress=0),
    }


def test_the_draft_tells_how_long_the_generation_worked(jobs: JobStore) -> None:
    submit(jobs)
    jobs.hand_over(claim(jobs, Stage.SCREENING, 1), verdict(), at(2))
    jobs.hand_over(claim(jobs, Stage.GENERATION, 10), None, at(17))
    assert jobs.get("video_1", "acme").generation_s == 7
    jobs.complete(claim(jobs, Stage.MODERATION, 20), CLIP, verdict(), at(21))
    done = jobs.get("video_1", "acme")
    assert (done.generation_s, done.clip, done.claimed_at) == (7, CLIP, at(20))


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        (JobFilter(), ["video_4", "video_3", "video_2", "video_1"]),
        (JobFilter(states=(JobState.QUEUED,)), ["video_4", "video_3"]),
        (JobFilter(was_claimed=True), ["video_2", "video_1"]),
        (JobFilter(was_overdue=True), ["video_1"]),
        (JobFilter(was_overdue=False), ["video_4", "video_3", "video_2"]),
        (JobFilter(service_tier="flex"), ["video_1"]),
        (JobFilter(service_tier="default"), ["video_4", "video_3", "video_2"]),
        (JobFilter(model="embedded"), ["video_4", "video_3", "video_2", "video_1"]),
        (JobFilter(model="other"), []),
        (JobFilter(job_ids=("video_3", "video_5", "video_9")), ["video_3"]),
    ],
)
def test_a_numbered_page_has_what_the_filter_wants(
    jobs: JobStore, wanted: JobFilter, ids: list[str]
) -> None:
    submit(jobs, "video_1")
    claim(jobs, Stage.SCREENING, 1)
    fail_overdue(jobs.database, at(60))
    submit(jobs, "video_2", terms=JobTerms())
    claim(jobs, Stage.SCREENING, 1)
    for number in (3, 4):
        submit(jobs, f"video_{number}", terms=JobTerms())
    submit(jobs, "video_5", tenant="other")

    first, total = numbered_page(jobs.database, "acme", wanted, number=1, size=3)
    second, _ = numbered_page(jobs.database, "acme", wanted, number=2, size=3)

    assert [job.id for job in first + second] == ids
    assert (len(first), total) == (min(3, len(ids)), len(ids))
