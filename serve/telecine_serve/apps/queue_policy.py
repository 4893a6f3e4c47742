"""How many replicas a stage wants: generation by the seconds of work in its queue, the others by
the number of jobs.

Serve calls the policy inside its controller, where a slow query would hold up every deployment:
the query runs on a thread of its own, and the policy answers from the last result.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from telecine_platform.clock import utc_now
from telecine_platform.errors import TelecineError
from telecine_platform.jobs.demand import read_demand
from telecine_platform.jobs.store import JobStore
from telecine_platform.records import Backlog, Stage
from telecine_platform.scheduling.autoscaling import desired_gangs
from telecine_platform.scheduling.forecast import work_of
from telecine_platform.settings import Settings, load_settings

if TYPE_CHECKING:
    from ray.serve.config import AutoscalingContext

logger = logging.getLogger(__name__)

REFRESH_S = 1.0
"""How old an answer may be; scaling takes seconds anyway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The wanted number of replicas, and the figures that Serve shows beside it."""

    num_replicas: int
    shown: dict[str, int]


def desired_replicas(backlog: Backlog, jobs_per_replica: int) -> int:
    """Replicas for the jobs in work plus one for every `jobs_per_replica` that wait.

    Never below the jobs in work: Serve picks its victims without looking at who is busy.
    """
    return backlog.num_running + math.ceil(backlog.num_queued / jobs_per_replica)


def read_wish(stage: Stage, jobs: JobStore, settings: Settings) -> Wish:
    """Ask the store what the stage needs now."""
    now = utc_now()
    if stage is Stage.GENERATION:
        with jobs.database.read() as connection:
            work = work_of(read_demand(connection, now, settings.model), settings.num_ranks, now)
        shown = {"num_queued": work.num_queued, "backlog_s": round(work.queued_s + work.running_s)}
        return Wish(num_replicas=desired_gangs(work, settings.target_wait_s), shown=shown)
    backlog = jobs.backlog(stage, now)
    return Wish(
        num_replicas=desired_replicas(backlog, settings.jobs_per_replica),
        shown={"num_queued": backlog.num_queued},
    )


class QueuePolicy:
    """A Serve autoscaling policy; its arguments hold no secret, the database URL is a setting."""

    def __init__(self, stage: str, settings: Mapping[str, object] | None = None) -> None:
        self._settings = load_settings(overrides=settings)
        self._stage = Stage(stage)
        self._jobs = JobStore(self._settings.resolved_database_url)
        self._wish: Wish | None = None
        threading.Thread(target=self._refresh_for_ever, daemon=True).start()

    def __call__(self, ctx: AutoscalingContext) -> tuple[int, dict[str, int]]:
        """The wanted number of replicas; unchanged while the backlog is not known."""
        wish = self._wish
        if wish is None:
            return ctx.target_num_replicas, {}
        low, high = ctx.capacity_adjusted_min_replicas, ctx.capacity_adjusted_max_replicas
        return min(max(wish.num_replicas, low), high), wish.shown

    def _refresh_for_ever(self) -> None:
        while True:
            try:
                self._wish = read_wish(self._stage, self._jobs, self._settings)
            except TelecineError as error:
                self._wish = None
                logger.warning(str(error), extra={"action": "backlog", "stage": self._stage})
            time.sleep(REFRESH_S)
