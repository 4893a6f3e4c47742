"""The desk on a real store: prices, refusals and forecasts as callers meet them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from telecine_platform.errors import TooManyRequests
from telecine_platform.ids import new_job_id
from telecine_platform.jobs.store import JobStore
from telecine_platform.jobs.workers import Workers
from telecine_platform.records import NO_TERMS, Job, Stage
from telecine_platform.scheduling.desk import Desk
from telecine_platform.scheduling.forecast import Forecast
from telecine_platform.scheduling.pools import pools_from_settings
from telecine_platform.scheduling.tenants import TenantPolicy, Tenants
from telecine_platform.settings import Settings
from tests.databases import open_jobs
from tests.records import at, spec, verdict

WAN = "wan2.1-t2v-1.3b"


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """A desk and the store behind it."""

    desk: Desk
    jobs: JobStore

    def submit(self, second: float, tenant: str = "a", model: str = "embedded") -> Job:
        wanted = spec(model=model)
        admission = self.desk.admit(tenant, wanted, NO_TERMS, at(second))
        return self.jobs.submit(
            job_id=new_job_id(at(second)),
            tenant_id=tenant,
            spec=wanted,
            traceparent="",
            now=at(second),
            admission=admission,
        )

    def forecast(self, job: Job, second: float) -> Forecast:
        """Ask until the look in the background has seen the job, as a poller does."""
        deadline = time.monotonic() + 10
        while (found := self.desk.forecast_of(job, at(second))) is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return found


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    settings = Settings(
        data_dir=tmp_path, max_wait_s=100.0, gang_start_s=60.0, more_models=f"{WAN}=8x1"
    )
    jobs = open_jobs(settings.data_dir)
    tenants = Tenants(policies={"small": TenantPolicy(submits_per_minute=2)})
    desk = Desk(settings, jobs.database, pools_from_settings(settings), tenants)
    yield House(desk=desk, jobs=jobs)
    jobs.close()


def test_the_queue_fills_until_the_wait_would_be_too_long(house: House) -> None:
    num_jobs = 21  # one gang, ready after 60 s, makes a clip in 1.9 s
    for number in range(num_jobs):
        house.submit(2 * number)  # each after a new look at the store
    with pytest.raises(TooManyRequests, match="the queue is full") as caught:
        house.submit(2 * num_jobs)
    assert caught.value.retry_after_s == 1
    assert len(house.jobs.list_jobs("a", limit=100)[0]) == num_jobs


def test_a_full_queue_of_one_model_keeps_nobody_from_another(house: House) -> None:
    for number in range(21):
        house.submit(2 * number)
    with pytest.raises(TooManyRequests, match="the queue is full"):
        house.submit(42)
    Workers(house.jobs.database).show_idle("wide gang", Stage.GENERATION, at(200), WAN)
    wide = house.submit(200, model=WAN)
    assert house.forecast(wide, 202).start_at == at(202)


def test_a_tenant_is_held_to_its_rate(house: House) -> None:
    house.submit(0, "small")
    house.submit(1, "small")
    with pytest.raises(TooManyRequests) as caught:
        house.submit(2, "small")
    assert (caught.value.code, caught.value.retry_after_s) == ("rate_limit_exceeded", 30)
    house.submit(3, "another")
    house.submit(62, "small")


def test_a_job_says_when_it_starts_and_ends_and_corrects_itself(house: House) -> None:
    Workers(house.jobs.database).show_idle("gang", Stage.GENERATION, at(0), "embedded")
    job = house.submit(0)
    run_s = 3.832 / 2
    said = house.forecast(job, 2)
    assert said.start_at == at(2)
    assert (said.finish_at - at(2)).total_seconds() == pytest.approx(run_s, abs=0.01)
    screened = house.jobs.claim(Stage.SCREENING, "w", 15, at(3))
    assert screened is not None
    house.jobs.hand_over(screened, verdict(), at(3))
    made = house.jobs.claim(Stage.GENERATION, "gang", 15, at(4), num_gpus=2)
    assert made is not None
    house.jobs.heartbeat(made, 15, at(14), progress=50)  # half of it took 10 s
    house.desk.forecast_of(made, at(14))
    deadline = time.monotonic() + 10
    while house.forecast(made, 14).finish_at < at(18):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert house.forecast(made, 14).start_at == at(4)
    assert house.forecast(made, 14).finish_at == at(14) + timedelta(seconds=5)


def test_nothing_is_said_of_a_job_that_has_ended(house: House) -> None:
    job = house.submit(0)
    house.forecast(job, 2)
    assert house.desk.forecast_of(house.jobs.cancel(job.id, "a", at(2)), at(2)) is None
