"""The job store's contract, the same on SQLite and PostgreSQL."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from telecine_platform.errors import LeaseLost, NotFound, SettingsError, StoreUnavailable
from telecine_platform.jobs.due import lost_jobs, unswept_jobs
from telecine_platform.jobs.retry import Failure, RetryPolicy
from telecine_platform.jobs.store import JobStore
from telecine_platform.records import ClipKeys, Job, JobError, JobState, Stage
from telecine_safeguards.verdict import Action
from tests.records import at, spec, verdict

CLIP = ClipKeys(video="v", thumbnail="t", spritesheet="s")
POLICY = RetryPolicy(max_attempts=2, delay_s=5)
LOST = JobError(code="worker_lost", message="The worker was lost.")


def submit(
    jobs: JobStore, job_id: str = "video_1", *, tenant: str = "acme", second: int = 0
) -> Job:
    return jobs.submit(
        job_id=job_id, tenant_id=tenant, spec=spec(), traceparent="00-a-b-01", now=at(second)
    )


def claim(jobs: JobStore, stage: Stage = Stage.SCREENING, second: float = 1) -> Job:
    job = jobs.claim(stage, "worker-1", 15, at(second))
    assert job is not None
    return job


def to_moderation(jobs: JobStore) -> Job:
    submit(jobs)
    jobs.hand_over(claim(jobs), verdict(), at(2))
    jobs.hand_over(claim(jobs, Stage.GENERATION, 3), None, at(4))
    return claim(jobs, Stage.MODERATION, 5)


def test_submitted_job_comes_back_as_it_was_stored(jobs: JobStore) -> None:
    stored = submit(jobs)
    assert jobs.get("video_1", "acme") == stored
    assert (stored.stage, stored.state, stored.epoch) == (Stage.SCREENING, JobState.QUEUED, 0)
    assert (stored.spec, stored.created_at) == (spec(), at(0))


def test_job_walks_through_every_stage_to_its_clip(jobs: JobStore) -> None:
    jobs.complete(to_moderation(jobs), CLIP, verdict(), at(6))
    done = jobs.get("video_1", "acme")
    assert (done.state, done.clip, done.progress) == (JobState.COMPLETED, CLIP, 100)
    assert (done.epoch, len(done.verdicts), done.finished_at) == (3, 2, at(6))
    assert done.verdicts[0] == verdict()
    states = [(row.stage, row.state) for row in jobs.history("video_1")]
    assert states == [
        ("screening", "queued"), ("screening", "running"), ("generation", "queued"),
        ("generation", "running"), ("moderation", "queued"), ("moderation", "running"),
        ("moderation", "completed"),
    ]  # fmt: skip


def test_blocked_job_keeps_the_verdict_and_tells_its_reason(jobs: JobStore) -> None:
    submit(jobs)
    jobs.block(claim(jobs), verdict(Action.BLOCK, message="It names X."), at(2))
    job = jobs.get("video_1", "acme")
    assert job.state is JobState.BLOCKED
    assert job.error == JobError(code="protected_character", message="It names X.")


def test_queue_gives_the_longest_waiting_job_of_the_stage_first(jobs: JobStore) -> None:
    submit(jobs, "video_b", second=0)
    submit(jobs, "video_a", second=1)
    assert jobs.claim(Stage.GENERATION, "w", 15, at(9)) is None
    assert [claim(jobs, second=9).id, claim(jobs, second=9).id] == ["video_b", "video_a"]
    assert jobs.claim(Stage.SCREENING, "w", 15, at(9)) is None


def test_two_claims_at_once_never_take_the_same_job(jobs: JobStore) -> None:
    for number in range(40):
        submit(jobs, f"video_{number}")
    start = threading.Barrier(4)

    def take_all(worker: int) -> list[str]:
        start.wait()
        taken: list[str] = []
        while (job := jobs.claim(Stage.SCREENING, f"w{worker}", 15, at(1))) is not None:
            taken.append(job.id)
        return taken

    with ThreadPoolExecutor(4) as pool:
        taken = [job_id for ids in pool.map(take_all, range(4)) for job_id in ids]
    # SKIP LOCKED may let one worker see an empty queue a moment early; nothing is taken twice.
    while (job := jobs.claim(Stage.SCREENING, "last", 15, at(1))) is not None:
        taken.append(job.id)
    assert sorted(taken) == sorted(f"video_{number}" for number in range(40))


def test_expired_lease_returns_to_queue_and_fences_the_old_worker(jobs: JobStore) -> None:
    submit(jobs)
    old = claim(jobs, second=1)
    assert lost_jobs(jobs.database, at(15)) == []
    assert [job.id for job in lost_jobs(jobs.database, at(17))] == ["video_1"]
    assert jobs.retry_or_fail(old, LOST, Failure.DEATH, POLICY, at(17)) is JobState.QUEUED
    assert jobs.claim(Stage.SCREENING, "worker-2", 15, at(21)) is None  # backing off until 22
    new = claim(jobs, second=23)
    assert (new.epoch, new.attempt) == (2, 2)
    for write in (
        lambda: jobs.heartbeat(old, 15, at(24)),
        lambda: jobs.hand_over(old, verdict(), at(24)),
        lambda: jobs.block(old, verdict(Action.BLOCK), at(24)),
        lambda: jobs.retry_or_fail(old, LOST, Failure.DEATH, POLICY, at(24)),
    ):
        with pytest.raises(LeaseLost, match="epoch 1"):
            write()
    jobs.hand_over(new, verdict(), at(25))
    assert jobs.get("video_1", "acme").stage is Stage.GENERATION


def test_heartbeat_keeps_the_lease_and_reports_progress(jobs: JobStore) -> None:
    submit(jobs)
    job = claim(jobs, second=1)
    jobs.heartbeat(job, 15, at(10), progress=40)
    assert lost_jobs(jobs.database, at(20)) == []
    assert jobs.get("video_1", "acme").progress == 40


def test_attempts_are_bounded_and_the_last_reason_is_kept(jobs: JobStore) -> None:
    submit(jobs)
    jobs.retry_or_fail(claim(jobs), LOST, Failure.DEATH, POLICY, at(2))
    state = jobs.retry_or_fail(claim(jobs, second=9), LOST, Failure.DEATH, POLICY, at(10))
    assert state is JobState.FAILED
    assert jobs.get("video_1", "acme").error == LOST


def test_next_stage_starts_with_fresh_attempts(jobs: JobStore) -> None:
    submit(jobs)
    jobs.retry_or_fail(claim(jobs), LOST, Failure.DEATH, POLICY, at(2))
    jobs.hand_over(claim(jobs, second=9), verdict(), at(10))
    assert claim(jobs, Stage.GENERATION, 11).attempt == 1


def test_deleted_running_job_vanishes_and_fences_its_worker(jobs: JobStore) -> None:
    submit(jobs)
    running = claim(jobs)
    assert jobs.delete("video_1", "acme", at(2)).state is JobState.RUNNING
    with pytest.raises(NotFound):
        jobs.get("video_1", "acme")
    with pytest.raises(LeaseLost):
        jobs.heartbeat(running, 15, at(3))
    (left,) = unswept_jobs(jobs.database, at(9))
    assert (left.state, left.spec.prompt) == (JobState.CANCELLED, "")


def test_deleted_queued_job_is_never_claimed(jobs: JobStore) -> None:
    submit(jobs)
    jobs.delete("video_1", "acme", at(1))
    assert jobs.claim(Stage.SCREENING, "w", 15, at(2)) is None


def test_other_tenants_job_looks_like_no_job(jobs: JobStore) -> None:
    submit(jobs)
    messages = []
    for job_id, tenant in (("video_1", "other"), ("video_9", "acme")):
        with pytest.raises(NotFound) as caught:
            jobs.get(job_id, tenant)
        messages.append(str(caught.value).replace(job_id, "ID"))
    assert messages[0] == messages[1]
    assert jobs.list_jobs("other", limit=10) == ([], False)


def test_list_pages_through_all_jobs_in_both_orders(jobs: JobStore) -> None:
    names = [f"video_{number}" for number in range(5)]
    for name in names:
        submit(jobs, name)
    submit(jobs, "video_x", tenant="other")
    first, has_more = jobs.list_jobs("acme", limit=3)
    assert ([job.id for job in first], has_more) == (names[:1:-1], True)
    rest, has_more = jobs.list_jobs("acme", limit=3, after=first[-1].id)
    assert ([job.id for job in rest], has_more) == (names[1::-1], False)
    ascending, _ = jobs.list_jobs("acme", limit=9, newest_first=False)
    assert [job.id for job in ascending] == names


def test_backlog_and_totals_count_waiting_and_work(jobs: JobStore) -> None:
    for number in range(3):
        submit(jobs, f"video_{number}", second=number)
    jobs.hand_over(claim(jobs, second=4), verdict(), at(7))
    claim(jobs, second=8)
    backlog = jobs.backlog(Stage.SCREENING, at(10))
    assert (backlog.num_queued, backlog.num_running, backlog.oldest_age_s) == (1, 1, 8.0)
    assert jobs.backlogs(Stage.SCREENING, at(10)) == {spec().model: backlog}
    assert jobs.backlogs(Stage.MODERATION, at(10)) == {}
    totals = {(row.stage, row.outcome): row for row in jobs.totals()}
    screened = totals["screening", "queued"]
    assert (screened.num_jobs, screened.wait_s, screened.work_s) == (1, 4.0, 3.0)


def test_tables_can_be_created_by_several_processes_at_once(empty_database_url: str) -> None:
    stores = [JobStore(empty_database_url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda store: store.create_tables(), stores))
    assert submit(stores[0]).id == "video_1"
    for store in stores:
        store.close()


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("postgresql://telecine:secret@127.0.0.1:1/none", StoreUnavailable),
        ("sqlite:////proc/nowhere/jobs.db", StoreUnavailable),
        ("sqlite://", SettingsError),
        ("mysql://localhost/x", SettingsError),
        ("not a url", SettingsError),
    ],
)
def test_unusable_database_says_so_without_its_password(url: str, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        JobStore(url).create_tables()
    assert "secret" not in str(caught.value)


def test_sqlite_survives_a_reopen_with_every_commit_on_disk(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'jobs.db'}"
    first = JobStore(url)
    first.create_tables()
    submit(first)
    first.close()
    second = JobStore(url)
    assert second.get("video_1", "acme").spec == spec()
    second.close()
