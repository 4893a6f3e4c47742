"""The order in which jobs are claimed, and what GPUs are booked, on SQLite and PostgreSQL."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa

from loadtests.memory_queue import MemoryQueue
from telecine_platform.jobs.accounts import read_corrections, used_gpu_s
from telecine_platform.jobs.demand import read_demand, read_usage
from telecine_platform.jobs.store import JobStore
from telecine_platform.jobs.tables import jobs as job_rows
from telecine_platform.jobs.tables import tenant_queues
from telecine_platform.jobs.tenant_queues import adopt
from telecine_platform.jobs.workers import Workers
from telecine_platform.records import Job, Stage
from telecine_platform.scheduling.admission import Admission
from telecine_platform.scheduling.order import QueuedJob
from telecine_platform.scheduling.price import WHOLE_MODEL, shape_of
from tests.records import at, spec, verdict

WAN = "wan2.1-t2v-14b"


def queue(
    jobs: JobStore,
    job_id: str,
    tenant: str = "a",
    second: float = 0,
    model: str = "embedded",
    **admission: object,
) -> None:
    """Put a job into the generation queue."""
    jobs.submit(
        job_id=job_id,
        tenant_id=tenant,
        spec=spec(model=model),
        traceparent="",
        now=at(second),
        admission=Admission(**admission),  # type: ignore[arg-type]
    )
    screened = jobs.claim(Stage.SCREENING, "screener", 15, at(second))
    assert screened is not None
    jobs.hand_over(screened, verdict(), at(second))


def claim(
    jobs: JobStore, second: float = 1, num_gpus: int = 2, model: str | None = None
) -> Job | None:
    return jobs.claim(Stage.GENERATION, "gang", 15, at(second), num_gpus=num_gpus, model=model)


def claimed_ids(jobs: JobStore, second: float = 1) -> list[str]:
    ids: list[str] = []
    while (job := claim(jobs, second)) is not None:
        ids.append(job.id)
    return ids


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_database_gives_out_jobs_as_the_queue_in_memory_does(jobs: JobStore, seed: int) -> None:
    chance, memory = random.Random(seed), MemoryQueue()
    weights = {tenant: chance.choice([0.5, 1.0, 3.0]) for tenant in "abcd"}
    running: list[tuple[Job, float, float]] = []
    for second in range(90):
        match chance.choice(["add", "add", "take", "finish"]):
            case "add":
                tenant, job_id = chance.choice("abcd"), f"video_{second:03}"
                job = QueuedJob(
                    id=job_id,
                    tenant_id=tenant,
                    priority=chance.choice([0, 0, 0, 5]),
                    price_gpu_s=chance.choice([1.0, 7.0, 30.0]),
                    start_by=chance.choice([None, at(second + chance.randrange(30))]),
                    overdue_at=at(second + 40),
                )
                memory.add(job, weights[tenant])
                queue(
                    jobs,
                    job_id,
                    tenant,
                    second,
                    priority=job.priority,
                    price_gpu_s=job.price_gpu_s,
                    start_by=job.start_by,
                    overdue_at=job.overdue_at,
                    weight=weights[tenant],
                )
            case "take":
                expected, found = memory.take(at(second)), claim(jobs, second)
                assert (found and found.id) == (expected and expected.id), f"second {second}"
                if found and expected:
                    running.append((found, second, expected.price_gpu_s))
            case "finish" if running:
                found, since, price = running.pop(chance.randrange(len(running)))
                jobs.hand_over(found, None, at(second), "draft")
                memory.charge(found.tenant_id, 2 * (second - since) - price)
    expected_ids = []
    while (expected := memory.take(at(90))) is not None:
        expected_ids.append(expected.id)
    assert claimed_ids(jobs, 90) == expected_ids


def test_gangs_at_once_take_every_job_once(jobs: JobStore) -> None:
    for number in range(24):
        queue(jobs, f"video_{number:02}", "abc"[number % 3], price_gpu_s=number % 5)
    start = threading.Barrier(4)

    def take_all(_gang: int) -> list[str]:
        start.wait()
        return claimed_ids(jobs)

    with ThreadPoolExecutor(4) as pool:
        taken = [job_id for ids in pool.map(take_all, range(4)) for job_id in ids]
    taken += claimed_ids(jobs)  # a gang may have seen a moment when all were locked
    assert sorted(taken) == [f"video_{number:02}" for number in range(24)]


def test_screening_goes_by_priority_and_then_by_arrival(jobs: JobStore) -> None:
    for number, priority in enumerate([0, 5, 0, -1, 5]):
        jobs.submit(
            job_id=f"video_{number}",
            tenant_id="a",
            spec=spec(),
            traceparent="",
            now=at(number),
            admission=Admission(priority=priority),
        )
    ids = []
    while (job := jobs.claim(Stage.SCREENING, "w", 15, at(9))) is not None:
        ids.append(job.id[-1])
    assert "".join(ids) == "14023"


def test_a_tenant_at_its_running_bound_waits_and_others_pass(jobs: JobStore) -> None:
    for name in ("video_a1", "video_a2"):
        queue(jobs, name, "a", price_gpu_s=10, max_running_gpu_s=10)
    queue(jobs, "video_b1", "b", price_gpu_s=99)
    first, second = claim(jobs), claim(jobs)
    assert first is not None
    assert second is not None
    assert (first.id, second.id, claim(jobs)) == ("video_a1", "video_b1", None)
    jobs.hand_over(first, None, at(6), "draft")
    assert claimed_ids(jobs, 7) == ["video_a2"]


def test_a_cancelled_job_leaves_its_place_to_the_next(jobs: JobStore) -> None:
    queue(jobs, "video_short", price_gpu_s=1)
    queue(jobs, "video_long", price_gpu_s=9)
    jobs.cancel("video_short", "a", at(1))
    assert claimed_ids(jobs) == ["video_long"]


def test_gpus_are_booked_by_the_time_they_were_held(jobs: JobStore) -> None:
    queue(jobs, "video_1", price_gpu_s=10)
    queue(jobs, "video_2", price_gpu_s=10)
    finished, cancelled = claim(jobs, 1), claim(jobs, 1)
    assert finished is not None
    assert cancelled is not None
    with jobs.database.read() as connection:
        assert read_usage(connection, "a", at(2)).running_gpu_s == 20
    jobs.hand_over(finished, None, at(11), "draft")
    jobs.cancel(cancelled.id, "a", at(4))
    with jobs.database.read() as connection:
        assert used_gpu_s(connection, "a", at(20)) == 2 * 10 + 2 * 3
        assert used_gpu_s(connection, "a", at(20) + timedelta(days=1)) == 0
        virtual_gpu_s = connection.execute(sa.select(tenant_queues.c.virtual_gpu_s)).scalar_one()
        assert virtual_gpu_s == pytest.approx(26)  # what was held, not what was estimated
        usage = read_usage(connection, "a", at(20))
        assert (usage.running_gpu_s, usage.queued_gpu_s, usage.used_today_gpu_s) == (0, 0, 26)


def test_finished_clips_correct_the_price_of_their_shape(jobs: JobStore) -> None:
    shape = shape_of(spec())
    queue(jobs, "video_1")
    job = claim(jobs, 0)
    assert job is not None
    jobs.hand_over(job, None, at(100), "draft")
    with jobs.database.read() as connection:
        known = read_corrections(connection, "embedded", (WHOLE_MODEL, shape, "other"))
    assert known[shape] == known[WHOLE_MODEL]
    assert (known[shape].num_jobs, known["other"].num_jobs) == (1, 0)
    assert known[shape].log_ratio > 3  # 200 GPU-seconds for a clip of some 4


def test_demand_is_what_waits_what_runs_and_who_is_idle(jobs: JobStore) -> None:
    queue(jobs, "video_1", "a", price_gpu_s=1)
    queue(jobs, "video_2", "b", price_gpu_s=2)
    claimed = claim(jobs)
    assert claimed is not None
    workers = Workers(jobs.database)
    for worker_id in ("gang", "idle gang"):
        workers.show_idle(worker_id, Stage.GENERATION, at(1))
    with jobs.database.read() as connection:
        demand = read_demand(connection, at(2))
        much_later = read_demand(connection, at(100))
    assert [job.id for job in demand.waiting] == ["video_2"]
    assert [job.id for job in demand.running] == ["video_1"]
    assert list(demand.shares) == ["b"]
    assert (demand.num_idle, much_later.num_idle) == (1, 0)  # one of the two has a job


def test_jobs_queued_by_an_older_version_are_found_at_the_start(jobs: JobStore) -> None:
    queue(jobs, "video_1")
    with jobs.database.write() as connection:
        connection.execute(sa.delete(tenant_queues))
    assert claim(jobs) is None
    jobs.create_tables()
    assert claimed_ids(jobs) == ["video_1"]


def test_a_gang_gets_jobs_of_its_model_only(jobs: JobStore) -> None:
    for number, model in enumerate([WAN, "embedded", WAN]):
        queue(jobs, f"video_{number}", second=number, model=model)
    own = [claim(jobs, 10, model=model) for model in ("embedded", "embedded", WAN, WAN, WAN)]
    assert [job and job.id for job in own] == ["video_1", None, "video_0", "video_2", None]


def test_each_model_has_shares_of_its_own(jobs: JobStore) -> None:
    """What a tenant has had of one model's gangs does not put it behind in another's queue."""
    queue(jobs, "video_1", "a", model=WAN, price_gpu_s=100)
    queue(jobs, "video_2", "a", model=WAN, price_gpu_s=101)
    queue(jobs, "video_3", "b", model=WAN, price_gpu_s=150)
    queue(jobs, "video_4", "a", price_gpu_s=5)
    queue(jobs, "video_5", "b", price_gpu_s=7)
    wide = [claim(jobs, 2, model=WAN) for _ in range(3)]
    assert [job and job.id for job in wide] == ["video_1", "video_3", "video_2"]
    small = [claim(jobs, 2, model="embedded") for _ in range(2)]
    assert [job and job.id for job in small] == ["video_4", "video_5"]


def test_a_tenants_bound_counts_all_models_together(jobs: JobStore) -> None:
    queue(jobs, "video_1", model=WAN, price_gpu_s=10.0, max_running_gpu_s=10.0)
    queue(jobs, "video_2", price_gpu_s=10.0, max_running_gpu_s=10.0)
    running = claim(jobs, 1, model=WAN)
    assert running is not None
    assert claim(jobs, 1, model="embedded") is None
    jobs.hand_over(running, None, at(5), "draft")
    second = claim(jobs, 6, model="embedded")
    assert second is not None
    assert second.id == "video_2"


def test_two_models_claims_at_once_lock_a_tenants_rows_in_one_order(jobs: JobStore) -> None:
    """With a bound each claim reads every queue of the tenant anew: no two may deadlock."""
    for number in range(24):
        model = (WAN, "embedded")[number % 2]
        queue(jobs, f"video_{number:02}", model=model, price_gpu_s=1.0, max_running_gpu_s=100.0)

    def take_all(model: str) -> int:
        taken = 0
        while (job := claim(jobs, 5, model=model)) is not None:
            jobs.hand_over(job, None, at(6), "draft")
            taken += 1
        return taken

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(take_all, (WAN, "embedded", WAN, "embedded"))) == 24


def test_demand_is_a_models_own(jobs: JobStore) -> None:
    queue(jobs, "video_1", "a", model=WAN, price_gpu_s=100)
    queue(jobs, "video_2", "b", price_gpu_s=2)
    workers = Workers(jobs.database)
    workers.show_idle("wide gang", Stage.GENERATION, at(1), WAN)
    with jobs.database.read() as connection:
        wide, embedded = (read_demand(connection, at(2), model) for model in (WAN, "embedded"))
    assert [job.id for job in wide.waiting] == ["video_1"]
    assert (list(wide.shares), wide.num_idle) == (["a"], 1)
    assert [job.id for job in embedded.waiting] == ["video_2"]
    assert (list(embedded.shares), embedded.num_idle) == (["b"], 0)


def test_a_job_that_an_older_api_stored_gets_into_its_models_queue(jobs: JobStore) -> None:
    queue(jobs, "video_1", model=WAN)
    with jobs.database.write() as connection:
        connection.execute(sa.update(job_rows).values(model=""))
        connection.execute(sa.delete(tenant_queues))
    assert claim(jobs, 1, model=WAN) is None
    with jobs.database.write() as connection:
        adopt(connection, at(1))
    assert claim(jobs, 1, model=WAN) is not None
