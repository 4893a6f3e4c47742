from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from telecine_platform.clock import utc_now
from telecine_platform.records import Backlog
from telecine_platform.scheduling.admission import Admission
from telecine_serve.apps.queue_policy import QueuePolicy, desired_replicas
from tests.databases import open_jobs
from tests.records import spec


@pytest.mark.parametrize(
    ("num_queued", "num_running", "jobs_per_replica", "replicas"),
    [
        (0, 0, 2, 0),
        (1, 0, 2, 1),
        (4, 0, 2, 2),
        (5, 0, 2, 3),
        (0, 3, 2, 3),  # busy replicas are never scaled away
        (3, 2, 2, 4),
    ],
)
def test_replicas_follow_the_backlog(
    num_queued: int, num_running: int, jobs_per_replica: int, replicas: int
) -> None:
    backlog = Backlog(num_queued=num_queued, num_running=num_running, oldest_age_s=0)
    assert desired_replicas(backlog, jobs_per_replica) == replicas


@dataclass
class FakeContext:
    """The part of Serve's AutoscalingContext that the policy reads."""

    target_num_replicas: int = 1
    capacity_adjusted_min_replicas: int = 1
    capacity_adjusted_max_replicas: int = 3


def test_policy_follows_the_store_within_its_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TELECINE_DATA_DIR", str(tmp_path))
    jobs = open_jobs(tmp_path)
    for number in range(20):
        jobs.submit(
            job_id=f"video_{number}",
            tenant_id="t",
            spec=spec(),
            traceparent="",
            now=utc_now(),
            admission=Admission(price_gpu_s=5.0),
        )
    context: Any = FakeContext()  # Any: Serve's class has a dozen more fields
    jobs.submit(
        job_id="video_wan",
        tenant_id="t",
        spec=spec(model="wan2.1-t2v-14b"),
        traceparent="",
        now=utc_now(),
        admission=Admission(price_gpu_s=5000.0),
    )
    screening, generation = QueuePolicy("screening"), QueuePolicy("generation")
    wait_for_answer(screening, context)
    wait_for_answer(generation, context)
    assert screening(context) == (3, {"num_queued": 21})
    # What screening will hand on counts, another model's aside: 20 clips of 2.5 s on a gang of
    # two, within 10 s.
    context.capacity_adjusted_max_replicas = 9
    assert generation(context) == (5, {"num_queued": 20, "backlog_s": 50})
    jobs.close()


def test_policy_keeps_the_number_while_the_store_is_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TELECINE_DATABASE_URL", "postgresql://u@127.0.0.1:1/x")
    started_at = time.monotonic()
    context: Any = FakeContext(target_num_replicas=2)
    assert QueuePolicy("screening")(context) == (2, {})
    assert time.monotonic() - started_at < 0.5  # the controller is never held up


def wait_for_answer(policy: QueuePolicy, context: Any) -> None:
    deadline = time.monotonic() + 10
    while policy(context)[1] == {}:
        assert time.monotonic() < deadline
        time.sleep(0.01)
