"""Halts on SQLite and PostgreSQL: what is stopped, what waits, what goes on after the lift."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from telecine_platform.errors import Halted, LeaseLost, NotFound, TenantHalted
from telecine_platform.halts.records import Halt, HaltKind, HaltMode
from telecine_platform.halts.store import HaltStore
from telecine_platform.jobs.store import JobStore
from telecine_platform.records import ClipKeys, Job, JobState, JobTerms, Stage
from tests.records import at, spec, verdict

CLIP = ClipKeys(video="v", thumbnail="t", spritesheet="s")


def submit(jobs: JobStore, job_id: str, tenant: str = "acme", region: str = "EU") -> Job:
    return jobs.submit(
        job_id=job_id,
        tenant_id=tenant,
        spec=spec(),
        traceparent="",
        now=at(0),
        terms=JobTerms(region=region),
    )


def claim(jobs: JobStore) -> Job | None:
    return jobs.claim(Stage.SCREENING, "worker", 15, at(1))


def order(
    jobs: JobStore, kind: str = "tenant", value: str = "acme", mode: HaltMode = HaltMode.WAIT
) -> Halt:
    return HaltStore(jobs.database).order(
        HaltKind(kind), value, mode=mode, reason="A court order.", who="operator", now=at(2)
    )


def lift(jobs: JobStore, halt: Halt) -> Halt:
    return HaltStore(jobs.database).lift(halt.id, who="operator", now=at(3))


def state(jobs: JobStore, job_id: str, tenant: str = "acme") -> JobState:
    return jobs.get(job_id, tenant).state


@pytest.mark.parametrize(
    ("kind", "value", "stopped"),
    [
        ("model", "embedded", {"a", "b", "c"}),
        ("model", "other", set()),
        ("tenant", "acme", {"a", "c"}),
        ("region", "EU", {"a", "c"}),  # c says no region, so it may be shown there
        ("region", "US", {"b", "c"}),
    ],
)
def test_a_halt_covers_its_model_tenant_or_region(
    jobs: JobStore, kind: str, value: str, stopped: set[str]
) -> None:
    tenants = {"a": "acme", "b": "other", "c": "acme"}
    for job_id, region in (("a", "EU"), ("b", "US"), ("c", "")):
        submit(jobs, job_id, tenants[job_id], region)
    halt = order(jobs, kind, value)
    waiting = {job_id for job_id in tenants if state(jobs, job_id, tenants[job_id]) == "halted"}
    assert waiting == stopped
    lift(jobs, halt)
    claimed = {job.id for job in iter(lambda: claim(jobs), None)}
    assert claimed == {"a", "b", "c"}


def test_running_jobs_are_cancelled_and_their_workers_fenced(jobs: JobStore) -> None:
    submit(jobs, "a")
    running = claim(jobs)
    assert running is not None
    assert jobs.is_owned(running)
    order(jobs)
    assert not jobs.is_owned(running)
    with pytest.raises(LeaseLost):
        jobs.hand_over(running, verdict(), at(3))
    ended = jobs.get("a", "acme")
    assert (ended.state, ended.finished_at) == (JobState.CANCELLED, at(2))
    assert ended.error is not None
    assert ended.error.code == "halted"
    assert "A court order." in ended.error.message


@pytest.mark.parametrize(("kind", "error"), [("tenant", TenantHalted), ("model", Halted)])
def test_a_failing_halt_ends_queued_jobs_and_refuses_new_ones(
    jobs: JobStore, kind: str, error: type[Exception]
) -> None:
    value = {"tenant": "acme", "model": "embedded"}[kind]
    submit(jobs, "a")
    halt = order(jobs, kind, value, HaltMode.FAIL)
    assert state(jobs, "a") is JobState.CANCELLED
    with pytest.raises(error, match="A court order"):
        submit(jobs, "b")
    lift(jobs, halt)
    assert submit(jobs, "b").state is JobState.QUEUED
    assert state(jobs, "a") is JobState.CANCELLED


def test_jobs_that_come_into_the_queue_during_a_halt_wait_too(jobs: JobStore) -> None:
    halt = order(jobs)
    submit(jobs, "a")
    submit(jobs, "b", "other")
    claimed = claim(jobs)
    assert claimed is not None
    assert (claimed.id, state(jobs, "a")) == ("b", JobState.HALTED)
    lift(jobs, halt)
    again = claim(jobs)
    assert again is not None
    assert again.id == "a"


def test_a_job_goes_on_only_when_its_last_halt_is_lifted(jobs: JobStore) -> None:
    submit(jobs, "a")
    first, second = order(jobs), order(jobs, "model", "embedded")
    lift(jobs, first)
    assert state(jobs, "a") is JobState.HALTED
    lift(jobs, second)
    assert state(jobs, "a") is JobState.QUEUED
    reasons = [row.reason for row in jobs.history("a")]
    assert reasons == ["submitted", f"halted {first.id}", "halt lifted"]


def test_the_same_order_twice_is_one_halt_that_survives_a_restart(
    jobs: JobStore, database_url: str
) -> None:
    halt = order(jobs)
    assert order(jobs) == halt
    restarted = JobStore(database_url)
    submit(restarted, "a")
    assert claim(restarted) is None
    assert HaltStore(restarted.database).in_force() == [halt]
    lifted = lift(restarted, halt)
    assert (lifted.lifted_at, lifted.lifted_by) == (at(3), "operator")
    assert lift(restarted, halt) == lifted
    assert HaltStore(restarted.database).list_halts(limit=5) == ([lifted], False)
    restarted.close()


def test_lifting_an_unknown_halt_says_so(jobs: JobStore) -> None:
    with pytest.raises(NotFound, match="halt_0"):
        HaltStore(jobs.database).lift("halt_0", who="operator", now=at(1))


def test_the_reaper_frees_what_a_killed_lift_left_waiting(
    jobs: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(jobs, "a")
    halt = order(jobs)
    store = HaltStore(jobs.database)
    monkeypatch.setattr(store, "_in_batches", lambda _change: 0)  # killed right here
    store.lift(halt.id, who="operator", now=at(3))
    assert state(jobs, "a") is JobState.HALTED
    assert HaltStore(jobs.database).apply(at(4)) == 1
    assert state(jobs, "a") is JobState.QUEUED


def test_nothing_is_claimed_after_the_order_however_many_claim_at_once(jobs: JobStore) -> None:
    for number in range(200):
        submit(jobs, f"video_{number:03}")
    start, halted = threading.Barrier(5), threading.Event()
    late: list[str] = []

    def take_all(_worker: int) -> None:
        start.wait()
        while True:
            was_halted = halted.is_set()
            job = claim(jobs)
            if job is None:
                return
            if was_halted:
                late.append(job.id)
            halted.wait(0.005)  # the work; SQLite's lock is not fair to who comes later

    with ThreadPoolExecutor(4) as pool:
        workers = [pool.submit(take_all, number) for number in range(4)]
        start.wait()
        order(jobs)
        halted.set()
        for worker in workers:
            worker.result()
    states = {state(jobs, f"video_{number:03}") for number in range(200)}
    assert late == []
    assert states <= {JobState.HALTED, JobState.CANCELLED}
    assert JobState.HALTED in states
