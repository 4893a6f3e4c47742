"""The claim-work-hand-over loop, with a fake worker on a real store."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from telecine_platform.clock import utc_now
from telecine_platform.errors import (
    GangBroken,
    JobTimeout,
    ModelError,
    StorageUnavailable,
    StoreUnavailable,
)
from telecine_platform.jobs.accounts import used_gpu_s
from telecine_platform.jobs.due import lost_jobs
from telecine_platform.jobs.lease import Lease
from telecine_platform.jobs.store import JobStore
from telecine_platform.jobs.workers import count_idle
from telecine_platform.records import ClipKeys, Job, JobState, Stage
from telecine_platform.settings import Settings
from telecine_platform.storage.local import LocalStore
from telecine_safeguards.verdict import Action
from telecine_serve.stage import Block, HandOver, Outcome, Release, StageLoop
from tests.databases import open_jobs
from tests.records import spec, verdict

CLIP = ClipKeys(video="v", thumbnail="t", spritesheet="s")


@dataclass
class FakeWorker:
    """Does what the test says, and stops the loop after a number of jobs."""

    steps: list[Callable[[Job, Lease], Outcome]]
    seen: list[Job] = field(default_factory=list)
    loop: StageLoop | None = None

    def work(self, job: Job, lease: Lease) -> Outcome:
        self.seen.append(job)
        if len(self.seen) == len(self.steps) and self.loop is not None:
            self.loop.stop()
        return self.steps[len(self.seen) - 1](job, lease)

    def check_health(self) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, lease_s=1, heartbeat_s=0.05, poll_s=0.01, retry_delay_s=0.01)


@pytest.fixture
def jobs(settings: Settings) -> Iterator[JobStore]:
    store = open_jobs(settings.data_dir)
    yield store
    store.close()


def run(
    jobs: JobStore,
    settings: Settings,
    *steps: Callable[[Job, Lease], Outcome],
    stage: Stage = Stage.SCREENING,
) -> FakeWorker:
    """Submit one job (if there is none) and let the loop take as many claims as there are steps."""
    if not jobs.list_jobs("acme", limit=1)[0]:
        jobs.submit(job_id="video_1", tenant_id="acme", spec=spec(), traceparent="", now=utc_now())
    worker = FakeWorker(list(steps))
    loop = StageLoop(stage, worker, jobs, LocalStore(settings.data_dir / "blobs"), settings)
    worker.loop = loop
    loop.run()
    return worker


def state_of(jobs: JobStore) -> Job:
    return jobs.get("video_1", "acme")


def fail_with(error: Exception) -> Callable[[Job, Lease], Outcome]:
    def step(_job: Job, _lease: Lease) -> Outcome:
        raise error

    return step


def test_outcomes_move_the_job_through_its_stages(jobs: JobStore, settings: Settings) -> None:
    run(jobs, settings, lambda *_: HandOver(verdict=verdict()))
    run(jobs, settings, lambda *_: HandOver(draft="q/d"), stage=Stage.GENERATION)
    assert state_of(jobs).draft == "q/d"
    release = Release(clip=CLIP, verdict=verdict())
    run(jobs, settings, lambda *_: release, stage=Stage.MODERATION)
    assert (state_of(jobs).state, state_of(jobs).clip) == (JobState.COMPLETED, CLIP)


def test_an_idle_gang_says_that_it_is_there(jobs: JobStore, settings: Settings) -> None:
    blobs = LocalStore(settings.data_dir / "blobs")
    loop = StageLoop(Stage.GENERATION, FakeWorker([]), jobs, blobs, settings)
    thread = threading.Thread(target=loop.run)
    thread.start()
    deadline, num_idle = time.monotonic() + 10, 0
    while num_idle == 0 and time.monotonic() < deadline:
        with jobs.database.read() as connection:
            num_idle = count_idle(connection, Stage.GENERATION, utc_now())
    loop.stop()
    thread.join()
    assert num_idle == 1


def test_generation_books_the_time_of_its_gpus(jobs: JobStore, settings: Settings) -> None:
    run(jobs, settings, lambda *_: HandOver(verdict=verdict()))

    def generate(_job: Job, _lease: Lease) -> Outcome:
        time.sleep(0.1)
        return HandOver(draft="q/d")

    run(jobs, settings, generate, stage=Stage.GENERATION)
    with jobs.database.read() as connection:
        assert used_gpu_s(connection, "acme", utc_now()) >= 0.1 * settings.num_ranks


def test_a_gang_leaves_another_models_job_to_its_own_gangs(
    jobs: JobStore, settings: Settings
) -> None:
    run(jobs, settings, lambda *_: HandOver(verdict=verdict()))
    other = settings.model_copy(update={"model": "wan2.1-t2v-14b"})
    blobs = LocalStore(settings.data_dir / "blobs")
    loop = StageLoop(Stage.GENERATION, FakeWorker([]), jobs, blobs, other)
    thread = threading.Thread(target=loop.run)
    thread.start()
    deadline, num_idle = time.monotonic() + 10, 0
    while num_idle == 0 and time.monotonic() < deadline:  # it has looked, and found nothing
        with jobs.database.read() as connection:
            num_idle = count_idle(connection, Stage.GENERATION, utc_now(), "wan2.1-t2v-14b")
    loop.stop()
    thread.join()
    assert num_idle == 1
    assert (state_of(jobs).stage, state_of(jobs).state) == (Stage.GENERATION, JobState.QUEUED)


def test_block_ends_the_job_with_its_reason(jobs: JobStore, settings: Settings) -> None:
    run(jobs, settings, lambda *_: Block(verdict=verdict(Action.BLOCK)))
    assert state_of(jobs).state is JobState.BLOCKED


@pytest.mark.parametrize("error", [GangBroken("rank 1"), StorageUnavailable("s3"), KeyError("x")])
def test_passing_trouble_is_retried(jobs: JobStore, settings: Settings, error: Exception) -> None:
    worker = run(jobs, settings, fail_with(error), lambda *_: HandOver(verdict=verdict()))
    assert [job.epoch for job in worker.seen] == [1, 2]
    assert state_of(jobs).stage is Stage.GENERATION


@pytest.mark.parametrize("error", [ModelError("a hidden folder"), JobTimeout("too long")])
def test_lasting_trouble_fails_at_once_with_its_text(
    jobs: JobStore, settings: Settings, error: Exception
) -> None:
    run(jobs, settings, fail_with(error))
    job = state_of(jobs)
    assert job.state is JobState.FAILED
    assert job.error is not None
    assert job.error.message == str(error)


def test_used_up_attempts_fail_without_naming_our_machines(
    jobs: JobStore, settings: Settings
) -> None:
    run(jobs, settings, *[fail_with(KeyError("bucket at 10.0.0.7"))] * 3)
    error = state_of(jobs).error
    assert error is not None
    assert (error.code, "10.0.0.7" in error.message) == ("internal_error", False)


def test_work_that_outlives_its_time_fails(jobs: JobStore, settings: Settings) -> None:
    quick = settings.model_copy(update={"job_timeout_s": 0.1})

    def work(_job: Job, lease: Lease) -> Outcome:
        while True:
            lease.check()
            threading.Event().wait(0.01)

    run(jobs, quick, work)
    error = state_of(jobs).error
    assert error is not None
    assert error.code == "job_timeout"


def test_deleted_job_stops_its_worker_at_the_next_check(jobs: JobStore, settings: Settings) -> None:
    stopped = threading.Event()

    def work(job: Job, lease: Lease) -> Outcome:
        jobs.delete(job.id, "acme", utc_now())
        try:
            while True:
                lease.check()
                threading.Event().wait(0.01)
        finally:
            stopped.set()

    run(jobs, settings, work)
    assert stopped.is_set()


def test_lease_is_renewed_while_the_work_takes_long(jobs: JobStore, settings: Settings) -> None:
    def work(_job: Job, lease: Lease) -> Outcome:
        lease.progress = 42
        threading.Event().wait(1.3)  # longer than the lease of 1 s
        assert lost_jobs(jobs.database, utc_now()) == []
        assert state_of(jobs).progress == 42
        return HandOver(verdict=verdict())

    run(jobs, settings, work)
    assert state_of(jobs).stage is Stage.GENERATION


def test_outcome_survives_a_database_outage_within_the_lease(
    jobs: JobStore, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_over, outages = jobs.hand_over, iter([True, True, False])

    def sometimes_down(*args: object) -> None:
        if next(outages):
            raise StoreUnavailable("down")
        hand_over(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(jobs, "hand_over", sometimes_down)
    worker = run(jobs, settings, lambda *_: HandOver(verdict=verdict()))
    assert len(worker.seen) == 1
    assert state_of(jobs).stage is Stage.GENERATION


def test_job_of_a_dead_worker_is_taken_over(jobs: JobStore, settings: Settings) -> None:
    jobs.submit(job_id="video_1", tenant_id="acme", spec=spec(), traceparent="", now=utc_now())
    dead = jobs.claim(Stage.SCREENING, "dead", 0.05, utc_now())
    assert dead is not None
    worker = run(jobs, settings, lambda *_: HandOver(verdict=verdict()))
    assert worker.seen[0].epoch == dead.epoch + 1


def test_unhealthy_worker_claims_nothing(jobs: JobStore, settings: Settings) -> None:
    worker = FakeWorker([])
    worker.check_health = fail_with_health  # type: ignore[method-assign]
    loop = StageLoop(
        Stage.SCREENING, worker, jobs, LocalStore(settings.data_dir / "blobs"), settings
    )
    with pytest.raises(GangBroken):
        loop.run()
    assert worker.seen == []


def fail_with_health() -> None:
    raise GangBroken("a rank is dead")
