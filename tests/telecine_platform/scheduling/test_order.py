"""Who is next: properties of the order, run on the queue in memory."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from loadtests.memory_queue import MemoryQueue
from telecine_platform.scheduling.order import QueuedJob, Share, drain
from tests.records import at

PRICES = st.floats(0.5, 100.0)
WEIGHTS = st.floats(0.25, 4.0)


def job(job_id: str, tenant: str = "a", price: float = 1.0, **values: object) -> QueuedJob:
    fields: dict[str, object] = {"priority": 0} | values
    return QueuedJob(id=job_id, tenant_id=tenant, price_gpu_s=price, **fields)  # type: ignore[arg-type]


def queue_with(*jobs: QueuedJob) -> MemoryQueue:
    queue = MemoryQueue()
    for item in jobs:
        queue.add(item)
    return queue


def taken(queue: MemoryQueue, second: float = 0, limit: int = 100) -> list[str]:
    ids: list[str] = []
    while len(ids) < limit and (item := queue.take(at(second))) is not None:
        ids.append(item.id)
    return ids


def test_priority_goes_before_everything_but_age() -> None:
    queue = queue_with(
        job("low", price=1, priority=0),
        job("high", "b", price=50, priority=5),
        job("old", "c", price=90, priority=-1, overdue_at=at(10)),
    )
    assert taken(queue, second=11) == ["old", "high", "low"]


def test_of_one_tenant_the_shortest_goes_first() -> None:
    queue = queue_with(job("long", price=9), job("short", price=1), job("middle", price=3))
    assert taken(queue) == ["short", "middle", "long"]


def test_pressing_deadlines_go_before_shorter_jobs_earliest_first() -> None:
    queue = queue_with(
        job("short", "a", price=1),
        job("later", "b", price=20, start_by=at(5)),
        job("sooner", "c", price=30, start_by=at(4)),
        job("not yet", "d", price=40, start_by=at(50)),
    )
    assert taken(queue, second=6) == ["sooner", "later", "short", "not yet"]


def test_invented_deadlines_take_nothing_from_others() -> None:
    hurried = [job(f"h{number:02}", "hurried", 10, start_by=at(0)) for number in range(20)]
    patient = [job(f"p{number:02}", "patient", 10) for number in range(20)]
    first_20 = taken(queue_with(*hurried, *patient), second=1, limit=20)
    assert Counter(job_id[0] for job_id in first_20)["h"] <= 11


@given(prices=st.lists(st.tuples(st.sampled_from("abc"), PRICES), min_size=1, max_size=40))
def test_nothing_is_lost_and_nothing_twice(prices: list[tuple[str, float]]) -> None:
    jobs = [job(f"{number:03}", *item) for number, item in enumerate(prices)]
    assert sorted(taken(queue_with(*jobs))) == [item.id for item in jobs]


@given(prices=st.lists(st.tuples(st.sampled_from("abc"), PRICES), min_size=1, max_size=40))
def test_drain_foretells_the_order_in_which_jobs_are_taken(
    prices: list[tuple[str, float]],
) -> None:
    jobs = [job(f"{number:03}", *item) for number, item in enumerate(prices)]
    queue = queue_with(*jobs)
    foretold = [item.id for item in drain(queue.jobs(), queue.shares, at(0))]
    assert taken(queue) == foretold


@given(
    weights=st.lists(WEIGHTS, min_size=2, max_size=5),
    prices=st.lists(PRICES, min_size=1, max_size=8),
    num_takes=st.integers(1, 80),
)
def test_tenants_with_work_get_the_gpus_by_their_weights(
    weights: list[float], prices: list[float], num_takes: int
) -> None:
    queue, got_gpu_s = MemoryQueue(), dict.fromkeys(range(len(weights)), 0.0)
    next_price = dict.fromkeys(got_gpu_s, 0)

    def refill(tenant: int) -> None:
        number = next_price[tenant]
        next_price[tenant] += 1
        price = prices[(number + tenant) % len(prices)]
        queue.add(job(f"{tenant}-{number:04}", str(tenant), price), weights[tenant])

    for tenant in got_gpu_s:
        refill(tenant)
        refill(tenant)  # never empty: all are backlogged throughout
    for _ in range(num_takes):
        item = queue.take(at(0))
        assert item is not None
        tenant = int(item.tenant_id)
        got_gpu_s[tenant] += item.price_gpu_s
        refill(tenant)
    served = [got_gpu_s[tenant] / weights[tenant] for tenant in got_gpu_s]
    # Golestani 1994, theorem 1: at most a largest job of each of the two lies between them.
    bound = max(prices) / min(weights)
    assert max(served) - min(served) <= 2 * bound + 1e-6


@given(idle_for=st.integers(1, 50), burst=st.integers(2, 20))
def test_an_idle_tenant_gains_no_credit(idle_for: int, burst: int) -> None:
    queue = MemoryQueue()
    for number in range(idle_for + burst):
        queue.add(job(f"busy-{number:03}", "busy", 10))
    queue.add(job("sleeper-before", "sleeper", 10))
    assert "sleeper-before" in taken(queue, limit=2)
    assert all(job_id.startswith("busy") for job_id in taken(queue, limit=idle_for - 1))
    for number in range(burst):
        queue.add(job(f"sleeper-{number:03}", "sleeper", 10))
    rest = taken(queue, limit=burst)
    num_sleeper = sum(job_id.startswith("sleeper") for job_id in rest)
    assert num_sleeper <= burst // 2 + 1


@settings(max_examples=50)
@given(
    price=PRICES,
    rival_price=PRICES,
    rival_priority=st.integers(0, 9),
    rivals=st.sampled_from(["one tenant", "its own tenant", "ever new tenants"]),
)
def test_nothing_waits_for_ever_whatever_keeps_coming(
    price: float, rival_price: float, rival_priority: int, rivals: str
) -> None:
    bound_s = 100.0
    queue = queue_with(job("patient", "p", price, priority=-1, overdue_at=at(bound_s)))
    for second in range(0, 1200, 5):
        tenant = {"one tenant": "r", "its own tenant": "p"}.get(rivals, f"r{second}")
        queue.add(
            job(
                f"rival-{second:04}",
                tenant,
                rival_price,
                priority=rival_priority,
                overdue_at=at(second + bound_s),
            )
        )
        item = queue.take(at(second))
        assert item is not None
        if item.id == "patient":
            assert second <= bound_s + 5 * (2 + 2 * price / rival_price)
            return
    raise AssertionError("the patient job was never taken")


def test_a_weight_counts_in_gpu_seconds_not_in_jobs() -> None:
    shares = {
        "films": Share(tenant_id="films", weight=1.0, virtual_gpu_s=0.0),
        "stills": Share(tenant_id="stills", weight=1.0, virtual_gpu_s=0.0),
    }
    jobs = [job(f"f{number}", "films", 100) for number in range(3)]
    jobs += [job(f"s{number:02}", "stills", 10) for number in range(30)]
    order = [item.id for item in drain(jobs, shares, at(0))]
    assert order.index("f0") in (9, 10)  # ten stills cost what one film does
