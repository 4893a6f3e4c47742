"""The outbox on SQLite and PostgreSQL: what is owed, and who may send it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from telecine_platform.jobs.fenced import settle
from telecine_platform.jobs.store import JobStore
from telecine_platform.records import JobState
from telecine_platform.webhooks.deliveries import HOLD_S, KEEP_S, Deliveries
from telecine_platform.webhooks.records import Delivery, DeliveryState
from telecine_platform.webhooks.rules import Outcome
from telecine_platform.webhooks.tables import webhook_endpoints
from tests.telecine_platform.webhooks.bench import Bench, open_bench


@pytest.fixture
def bench(jobs: JobStore, tmp_path: Path) -> Iterator[Bench]:
    with open_bench(jobs, tmp_path) as opened:
        yield opened


def test_what_ended_otherwise_is_told_as_failed_but_a_deleted_job_is_not(bench: Bench) -> None:
    bench.register()
    bench.claim("video_1")
    bench.jobs.cancel("video_1", "acme", bench.now)
    bench.claim("video_2")
    bench.jobs.delete("video_2", "acme", bench.now)
    bench.claim("video_3", tenant="other")
    bench.jobs.cancel("video_3", "other", bench.now)
    bench.send()
    told = [(body["type"], body["data"]["id"]) for body in bench.receiver.bodies()]
    assert told == [("video.failed", "video_1")]


def test_an_event_is_owed_exactly_when_its_change_is_committed(bench: Bench) -> None:
    bench.register()
    job = bench.claim("video_1")

    class Killed(Exception):
        pass

    def break_off() -> None:
        with bench.jobs.database.write() as connection:
            settle(connection, job, JobState.FAILED, {}, None, bench.now, "failed")
            raise Killed

    with pytest.raises(Killed):
        break_off()
    assert bench.all() == []


def test_deliverers_at_once_take_each_delivery_once(bench: Bench) -> None:
    bench.register()
    for number in range(30):
        bench.claim(f"video_{number}")
        bench.jobs.cancel(f"video_{number}", "acme", bench.now)

    def take(_worker: int) -> list[str]:
        return [each.id for each in iter_due(bench.deliveries, bench.now)]

    with ThreadPoolExecutor(3) as pool:
        taken = [each for ids in pool.map(take, range(3)) for each in ids]
    taken += take(0)  # SKIP LOCKED may have hidden some from all
    assert len(taken) == len(set(taken)) == 30


def iter_due(deliveries: Deliveries, now: datetime) -> Iterator[Delivery]:
    while taken := deliveries.take_due(now, limit=4):
        yield from taken


def test_a_deliverer_that_dies_loses_its_hold_and_its_word(bench: Bench) -> None:
    bench.register()
    bench.finish(bench.claim("video_1"))
    (lost,) = bench.deliveries.take_due(bench.now, limit=1)
    assert bench.deliveries.take_due(bench.now, limit=1) == []
    bench.now += timedelta(seconds=HOLD_S)
    (sent,) = bench.send()
    assert (sent.id, sent.attempt) == (lost.id, 2)
    gave_up = Outcome(state=DeliveryState.DEAD)
    bench.deliveries.settle(lost, gave_up, status_code=None, problem="late", now=bench.now)
    assert bench.all()[0].state is DeliveryState.DELIVERED


def test_a_busy_tenant_leaves_room_for_others(bench: Bench) -> None:
    for tenant in ("acme", "other"):
        bench.register(tenant)
        bench.claim(f"video_{tenant}", tenant=tenant)
        bench.jobs.cancel(f"video_{tenant}", tenant, bench.now)
    (taken,) = bench.deliveries.take_due(bench.now, limit=9, busy_tenants=["acme"])
    assert taken.tenant_id == "other"


def test_the_database_holds_no_secret_that_could_sign(bench: Bench) -> None:
    _, secret = bench.register()
    with bench.jobs.database.read() as connection:
        stored = connection.execute(sa.select(webhook_endpoints)).one()
    assert secret.removeprefix("whsec_") not in str(stored)


def test_ended_deliveries_are_forgotten_after_a_month(bench: Bench) -> None:
    bench.register()
    for number in (1, 2):
        bench.finish(bench.claim(f"video_{number}"))
        if number == 1:
            bench.send()
    later = bench.now + timedelta(seconds=KEEP_S + 1)
    assert bench.deliveries.prune(later) == 1
    assert [each.job_id for each in bench.all()] == ["video_2"]
