"""The desk: prices a request, admits or refuses it, and says when a job will be done.

Held by the API process. Forecasts are worked out from one look at the queue of a model, which is
good for `LOOK_S` however many ask; within that time, several requests may be admitted into the same
gap.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from telecine_platform.errors import TelecineError
from telecine_platform.jobs.accounts import read_corrections
from telecine_platform.jobs.database import Database
from telecine_platform.jobs.demand import read_demand, read_usage
from telecine_platform.jobs.refusals import count_refusal, refusal_level
from telecine_platform.records import Job, JobState, JobTerms, Stage, VideoSpec
from telecine_platform.scheduling.admission import (
    Admission,
    admission_from_terms,
    check_quotas,
    check_wait,
)
from telecine_platform.scheduling.forecast import (
    Demand,
    Forecast,
    forecast_all,
    longest_wait_s,
    newcomer_wait_s,
)
from telecine_platform.scheduling.order import QueuedJob
from telecine_platform.scheduling.pools import Pool
from telecine_platform.scheduling.price import WHOLE_MODEL, formula_gpu_s, price_gpu_s, shape_of
from telecine_platform.scheduling.refusals import check_refusals
from telecine_platform.scheduling.tenants import Tenants
from telecine_platform.settings import Settings
from telecine_safeguards.verdict import Verdict

logger = logging.getLogger(__name__)

LOOK_S = 1.0
_NEWCOMER = "~"
"""Id of a request that is no job yet: behind every job with the same rank."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """What one look at a model's queue showed, and what follows from it."""

    taken_at: datetime
    demand: Demand
    forecasts: Mapping[str, Forecast]
    longest_wait_s: float


class Desk:
    """Thread-safe."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        pools: Mapping[str, Pool],
        tenants: Tenants,
    ) -> None:
        self._settings = settings
        self._database = database
        self._pools = pools
        self._tenants = tenants
        self._looks: dict[str, _Look] = {}
        self._looking = threading.Lock()
        self._in_background = threading.Lock()
        """Held from the start of a look in the background to its end."""

    def admit(self, tenant_id: str, spec: VideoSpec, terms: JobTerms, now: datetime) -> Admission:
        """Price the request and give it its place. Blocks on the database.

        Raises `TooManyRequests` when a quota is full or the queue too long, `InvalidRequest` for a
        video that the tenant's quotas can never hold.
        """
        policy = self._tenants.policy_of(tenant_id)
        pool = self._pools[spec.model]
        shape, num_gpus = shape_of(spec), pool.fleet.num_gpus
        with self._database.read() as connection:
            known = read_corrections(connection, spec.model, (WHOLE_MODEL, shape))
            usage = read_usage(connection, tenant_id, now) if policy.has_quotas else None
        price = price_gpu_s(formula_gpu_s(pool.card, spec), known[shape], known[WHOLE_MODEL])
        if usage is not None:
            check_quotas(policy, usage, price_gpu_s=price, num_gpus=num_gpus, now=now)
        admission = admission_from_terms(
            terms,
            policy,
            price_gpu_s=price,
            num_gpus=num_gpus,
            ageing_s=self._settings.ageing_s,
            now=now,
        )
        look = self._fresh_look(spec.model, now)
        if look.longest_wait_s > self._settings.max_wait_s:
            wait_s = self._wait_s(look, pool, tenant_id, admission, now)
            check_wait(wait_s, self._settings.max_wait_s)
        return admission

    def check_refusals(self, tenant_id: str, now: datetime) -> None:
        """Raise `TooManyRequests` for a tenant with too many refused prompts. Blocks."""
        quota = self._tenants.policy_of(tenant_id).refusals_per_hour
        if quota is not None:
            with self._database.read() as connection:
                check_refusals(refusal_level(connection, tenant_id, now), quota)

    def count_refusal(self, tenant_id: str, verdict: Verdict, now: datetime) -> None:
        """Count a verdict that no job stands for. Blocks."""
        with self._database.write() as connection:
            count_refusal(connection, tenant_id, verdict, now)

    def forecast_of(self, job: Job, now: datetime) -> Forecast | None:
        """What the last look says of the job; None: it is final, held, not seen yet, or of a model
        that is not served any more.

        Never blocks: an old look is renewed in the background, for who asks next.
        """
        model = job.spec.model
        if model not in self._pools:
            return None
        look = self._looks.get(model)
        if look is None or _is_old(look, now):
            self._look_in_background(model, now)
        if look is None or job.state not in (JobState.QUEUED, JobState.RUNNING):
            return None
        if job.stage is Stage.MODERATION:
            finish_at = now + timedelta(seconds=look.demand.release_s)
            start_at = job.available_at - timedelta(seconds=job.generation_s or 0.0)
            return Forecast(start_at=start_at, finish_at=finish_at)
        return look.forecasts.get(job.id)

    def _wait_s(
        self, look: _Look, pool: Pool, tenant_id: str, admission: Admission, now: datetime
    ) -> float:
        """How long a request would wait for its gang if it were a job now."""
        newcomer = QueuedJob(
            id=_NEWCOMER,
            tenant_id=tenant_id,
            priority=admission.priority,
            price_gpu_s=admission.price_gpu_s,
            start_by=admission.start_by,
            overdue_at=admission.overdue_at,
        )
        return newcomer_wait_s(newcomer, admission.weight, look.demand, pool.fleet, now)

    def _look_in_background(self, model: str, now: datetime) -> None:
        if self._in_background.acquire(blocking=False):
            threading.Thread(target=self._try_look, args=(model, now), daemon=True).start()

    def _try_look(self, model: str, now: datetime) -> None:
        try:
            self._fresh_look(model, now)
        except TelecineError as error:
            logger.warning(str(error), extra={"action": "forecast"})
        finally:
            self._in_background.release()

    def _fresh_look(self, model: str, now: datetime) -> _Look:
        """The last look, or a new one if that is old; one at a time."""
        fleet = self._pools[model].fleet
        with self._looking:
            look = self._looks.get(model)
            if look is None or _is_old(look, now):
                with self._database.read() as connection:
                    demand = read_demand(connection, now, model)
                look = self._looks[model] = _Look(
                    taken_at=now,
                    demand=demand,
                    forecasts=forecast_all(demand, fleet, now),
                    longest_wait_s=longest_wait_s(demand, fleet, now),
                )
            return look


def _is_old(look: _Look, now: datetime) -> bool:
    return now - look.taken_at >= timedelta(seconds=LOOK_S)
