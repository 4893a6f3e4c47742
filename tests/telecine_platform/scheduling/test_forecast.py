from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telecine_platform.scheduling.autoscaling import Work, desired_gangs
from telecine_platform.scheduling.forecast import (
    Demand,
    Fleet,
    RunningJob,
    forecast_all,
    longest_wait_s,
    newcomer_wait_s,
    running_left_s,
)
from telecine_platform.scheduling.order import QueuedJob, Share
from tests.records import at

FLEET = Fleet(num_gpus=2, max_gangs=4, gang_start_s=60, target_wait_s=30)


def demand(
    *prices: float, running: tuple[RunningJob, ...] = (), num_idle: int = 0, release_s: float = 0.0
) -> Demand:
    return Demand(
        waiting=[queued(f"job-{number:03}", price) for number, price in enumerate(prices)],
        running=running,
        shares={"a": Share(tenant_id="a", weight=1.0, virtual_gpu_s=0.0)},
        num_idle=num_idle,
        release_s=release_s,
    )


def queued(job_id: str, price: float, tenant: str = "a") -> QueuedJob:
    return QueuedJob(id=job_id, tenant_id=tenant, priority=0, price_gpu_s=price)


def running(price: float = 40.0, second: float = 0, progress: int = 0) -> RunningJob:
    return RunningJob(id="running", price_gpu_s=price, claimed_at=at(second), progress=progress)


def test_jobs_are_dealt_to_the_gang_that_is_free_first() -> None:
    said = forecast_all(demand(10, 20, running=(running(),), num_idle=1, release_s=3), FLEET, at(5))
    assert said["running"].start_at == at(0)
    assert said["running"].finish_at == at(20 + 3)
    assert (said["job-000"].start_at, said["job-000"].finish_at) == (at(5), at(5 + 5 + 3))
    assert (said["job-001"].start_at, said["job-001"].finish_at) == (at(10), at(10 + 10 + 3))


def test_without_gangs_the_first_job_waits_for_one_to_start() -> None:
    said = forecast_all(demand(10), FLEET, at(0))
    assert said["job-000"].start_at == at(60)


def test_a_newcomer_waits_for_what_goes_before_it() -> None:
    busy = demand(10, 30, running=(running(),), num_idle=0)
    one_gang = Fleet(num_gpus=2, max_gangs=1, gang_start_s=60, target_wait_s=30)
    wait_s = newcomer_wait_s(queued("new", 20), 1.0, busy, one_gang, at(0))
    assert wait_s == pytest.approx(20 + 5)  # the running job, and the shorter one of its tenant
    wait_s = newcomer_wait_s(queued("new", 20, "b"), 1.0, busy, one_gang, at(0))
    assert wait_s == pytest.approx(20 + 5)


@given(
    prices=st.lists(st.floats(1, 100), max_size=30),
    left=st.lists(st.floats(1, 100), max_size=4),
    num_idle=st.integers(0, 4),
    price=st.floats(1, 100),
    tenant=st.sampled_from("ab"),
)
def test_no_newcomer_waits_longer_than_the_bound(
    prices: list[float], left: list[float], num_idle: int, price: float, tenant: str
) -> None:
    now = demand(*prices, running=tuple(running(item) for item in left), num_idle=num_idle)
    wait_s = newcomer_wait_s(queued("new", price, tenant), 1.0, now, FLEET, at(0))
    assert wait_s <= longest_wait_s(now, FLEET, at(0)) + 1e-5  # datetimes have microseconds


@given(
    prices=st.lists(st.floats(1, 100), min_size=1, max_size=30),
    num_idle=st.integers(1, 4),
)
def test_forecasts_keep_every_gang_busy_and_overlap_nowhere(
    prices: list[float], num_idle: int
) -> None:
    said = forecast_all(demand(*prices, num_idle=num_idle), FLEET, at(0))
    spans = sorted((item.start_at, item.finish_at) for item in said.values())
    num_gangs = max(num_idle, min(FLEET.max_gangs, len(prices)))
    for start_at, _ in spans:
        assert sum(begin <= start_at < end for begin, end in spans) <= num_gangs
    assert len(said) == len(prices)
    last_s = max((item.finish_at - at(0)).total_seconds() for item in said.values())
    assert last_s <= FLEET.gang_start_s + (sum(prices) + max(prices)) / FLEET.num_gpus


@pytest.mark.parametrize(
    ("second", "progress", "left_s"),
    [
        (0, 0, 20.0),  # by its price: 40 GPU-seconds on two
        (10, 50, 10.0),
        (10, 25, 0.25 * 30 + 0.75 * 10),  # slower than its price says
        (5, 50, 0.5 * 5 + 0.5 * 15),  # faster
        (90, 0, 0.4),  # outlived its price without a word: 2 % of it
        (90, 90, 9.0),
    ],
)
def test_a_running_job_is_judged_by_its_own_speed_more_and_more(
    second: float, progress: int, left_s: float
) -> None:
    job = running(progress=progress)
    assert running_left_s(job, 2, at(second)) == pytest.approx(left_s)


@pytest.mark.parametrize(
    ("num_queued", "queued_s", "num_running", "running_s", "gangs"),
    [
        (0, 0, 0, 0, 0),  # to zero
        (1, 0, 0, 0, 1),  # a job without a price is a job
        (1, 500, 0, 0, 1),  # one job keeps no second gang busy
        (50, 29, 0, 0, 1),  # many short ones need no more than one
        (50, 301, 0, 0, 11),
        (0, 0, 7, 1, 7),  # busy gangs are never scaled away
        (5, 10, 4, 300, 9),
    ],
)
def test_gangs_follow_the_seconds_of_work(
    num_queued: int, queued_s: float, num_running: int, running_s: float, gangs: int
) -> None:
    work = Work(
        num_queued=num_queued, queued_s=queued_s, num_running=num_running, running_s=running_s
    )
    assert desired_gangs(work, target_wait_s=30) == gangs


@given(
    num_queued=st.integers(0, 100),
    price_s=st.floats(0.1, 600),
    num_running=st.integers(0, 50),
    left_s=st.floats(0.1, 600),
    target_wait_s=st.floats(1, 600),
)
def test_gangs_are_enough_and_no_more_than_jobs(
    num_queued: int, price_s: float, num_running: int, left_s: float, target_wait_s: float
) -> None:
    work = Work(
        num_queued=num_queued,
        queued_s=num_queued * price_s,
        num_running=num_running,
        running_s=num_running * left_s,
    )
    gangs = desired_gangs(work, target_wait_s)
    assert num_running <= gangs <= num_running + num_queued
    is_enough = work.queued_s + work.running_s <= gangs * target_wait_s * (1 + 1e-9)
    assert is_enough or gangs == num_running + num_queued
