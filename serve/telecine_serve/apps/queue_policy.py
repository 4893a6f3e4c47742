"""How many replicas a stage wants, from its backlog in the job store.

Serve calls the policy inside its controller, where a slow query would hold up every deployment:
the query runs on a thread of its own, and the policy answers from the last result.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from typing import TYPE_CHECKING

from telecine_platform.clock import utc_now
from telecine_platform.errors import TelecineError
from telecine_platform.jobs.store import JobStore
from telecine_platform.records import Backlog, Stage
from telecine_platform.settings import load_settings

if TYPE_CHECKING:
    from ray.serve.config import AutoscalingContext

logger = logging.getLogger(__name__)

REFRESH_S = 1.0
"""How old an answer may be; scaling takes seconds anyway."""


def desired_replicas(backlog: Backlog, jobs_per_replica: int) -> int:
    """Replicas for the jobs in work plus one for every `jobs_per_replica` that wait.

    Never below the jobs in work: Serve picks its victims without looking at who is busy.
    """
    return backlog.num_running + math.ceil(backlog.num_queued / jobs_per_replica)


class QueuePolicy:
    """A Serve autoscaling policy; its arguments hold no secret, the database URL is a setting."""

    def __init__(self, stage: str) -> None:
        settings = load_settings()
        self._stage = Stage(stage)
        self._jobs_per_replica = settings.jobs_per_replica
        self._jobs = JobStore(settings.resolved_database_url)
        self._backlog: Backlog | None = None
        threading.Thread(target=self._refresh_for_ever, daemon=True).start()

    def __call__(self, ctx: AutoscalingContext) -> tuple[int, dict[str, int]]:
        """The wanted number of replicas; unchanged while the backlog is not known."""
        backlog = self._backlog
        if backlog is None:
            return ctx.target_num_replicas, {}
        wanted = desired_replicas(backlog, self._jobs_per_replica)
        low, high = ctx.capacity_adjusted_min_replicas, ctx.capacity_adjusted_max_replicas
        return min(max(wanted, low), high), {"num_queued": backlog.num_queued}

    def _refresh_for_ever(self) -> None:
        while True:
            try:
                self._backlog = self._jobs.backlog(self._stage, utc_now())
            except TelecineError as error:
                self._backlog = None
                logger.warning(str(error), extra={"action": "backlog", "stage": self._stage})
            time.sleep(REFRESH_S)
