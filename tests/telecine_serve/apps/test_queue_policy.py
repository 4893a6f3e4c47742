from __future__ import annotations

import pytest

from telecine_platform.records import Backlog
from telecine_serve.apps.queue_policy import desired_replicas


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
