"""A halt against a running API and a running stage, timed."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from telecine_platform.clock import utc_now
from telecine_platform.errors import LeaseLost
from telecine_platform.jobs.lease import Lease
from telecine_platform.jobs.store import JobStore
from telecine_platform.records import Job, JobState, Stage
from telecine_platform.settings import Settings
from telecine_platform.storage.local import LocalStore
from telecine_serve.stage import Outcome, StageLoop
from tests.postgres_server import PostgresServer
from tests.records import spec
from tests.telecine_platform.api.house import House, open_house

MODEL = {"kind": "model", "value": "embedded", "reason": "A takedown."}
EFFECTIVE_WITHIN_S = 1.0


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(tmp_path) as opened:
        yield opened


class SlowWorker:
    """Screens for ever, and says when it was told to stop."""

    def __init__(self) -> None:
        self.started = threading.Event()
        self.stopped_s: float | None = None

    def work(self, job: Job, lease: Lease) -> Outcome:
        self.started.set()
        try:
            while True:
                lease.check()
                time.sleep(0.01)
        except LeaseLost:
            self.stopped_s = time.monotonic()
            raise

    def check_health(self) -> None:
        pass

    def close(self) -> None:
        pass


def test_a_halt_stops_a_running_stage_within_a_second(house: House, tmp_path: Path) -> None:
    running, waiting = house.submit(), house.submit()
    worker = SlowWorker()
    settings = Settings(data_dir=tmp_path, poll_s=0.01)  # heartbeats come only every 3 s
    loop = StageLoop(Stage.SCREENING, worker, house.jobs, house.blobs, settings)
    thread = threading.Thread(target=loop.run)
    thread.start()
    try:
        assert worker.started.wait(10)
        called_s = time.monotonic()
        halted = house.client.post("/v1/admin/halts", json=MODEL)
        deadline_s = called_s + 10 * EFFECTIVE_WITHIN_S
        while worker.stopped_s is None and time.monotonic() < deadline_s:
            time.sleep(0.01)
        assert worker.stopped_s is not None
        assert worker.stopped_s - called_s <= EFFECTIVE_WITHIN_S
        stopped = house.client.get(f"/v1/videos/{running}").json()
        assert (stopped["status"], stopped["error"]["code"]) == ("failed", "halted")
        assert "A takedown." in stopped["error"]["message"]
        held_back = house.client.get(f"/v1/videos/{waiting}").json()
        assert held_back["status"] == "queued"
        assert "halted" in held_back["notice"]
        worker.started.clear()
        house.client.post(f"/v1/admin/halts/{halted.json()['id']}/lift")
        assert worker.started.wait(10)
    finally:
        loop.stop()
        house.jobs.cancel(waiting, "default", house.jobs.get(waiting, "default").created_at)
        thread.join(timeout=10)


@pytest.mark.slow
def test_a_halt_from_the_command_line_reaches_a_worker_elsewhere(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    """As in a cluster: operator and worker share nothing but the database."""
    database_url = postgres.new_database()
    jobs = JobStore(database_url)
    jobs.create_tables()
    submitted = jobs.submit(
        job_id="video_1", tenant_id="acme", spec=spec(), traceparent="", now=utc_now()
    )
    worker = SlowWorker()
    settings = Settings(data_dir=tmp_path, poll_s=0.01)
    loop = StageLoop(Stage.SCREENING, worker, jobs, LocalStore(tmp_path / "blobs"), settings)
    thread = threading.Thread(target=loop.run)
    thread.start()
    try:
        assert worker.started.wait(10)
        order = ["halt", "order", "model", submitted.spec.model, "--reason", "A takedown."]
        subprocess.run(
            [sys.executable, "-m", "telecine_serve.cli", *order],
            env=os.environ | {"TELECINE_DATABASE_URL": database_url},
            check=True, timeout=60, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        ordered_s = time.monotonic()
        while worker.stopped_s is None and time.monotonic() < ordered_s + 10:
            time.sleep(0.01)
        assert worker.stopped_s is not None
        assert worker.stopped_s - ordered_s <= EFFECTIVE_WITHIN_S
        assert jobs.get("video_1", "acme").state is JobState.CANCELLED
    finally:
        loop.stop()
        thread.join(timeout=10)
        jobs.close()
