"""Sends what is due, from a thread of the API process; several such processes share the work.

Why there: API processes always run, while stages scale to zero, and they can make the links that a
callback carries. Delivery is at least once: a receiver tells repeats by `webhook-id`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import threading
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

from telecine_platform.clock import utc_now
from telecine_platform.errors import FetchFailed, FetchRefused, NotFound, StoreUnavailable
from telecine_platform.fetch.fetcher import Fetcher, FetchRequest
from telecine_platform.webhooks.deliveries import Deliveries
from telecine_platform.webhooks.endpoints import Endpoints
from telecine_platform.webhooks.outbox import new_event_id
from telecine_platform.webhooks.records import Delivery, DeliveryState, EventType
from telecine_platform.webhooks.rules import GONE, Outcome, outcome_of_attempt
from telecine_platform.webhooks.sign import signed_headers

logger = logging.getLogger(__name__)

POLL_S = 0.5
"""How long an event waits at most for this process to look."""
MAX_OPEN = 32
"""Requests of one process at a time."""
MAX_OPEN_PER_TENANT = 8
"""So that one tenant's slow receivers cannot hold up everybody's."""
PRUNE_PERIOD_S = 3_600.0
Callback = Callable[[str, str], tuple[str, bytes]]
"""(job id, tenant) -> the job's callback URL and what it shall be told; raises `NotFound`."""


def event_body(delivery: Delivery) -> bytes:
    """The event as OpenAI's webhooks have it, plus the specification's `timestamp`: ids only."""
    event = {
        "id": delivery.id,
        "object": "event",
        "type": delivery.event_type,
        "created_at": int(delivery.created_at.timestamp()),
        "timestamp": delivery.created_at.isoformat(timespec="seconds"),
        "data": {"id": delivery.job_id},
    }
    return json.dumps(event).encode()


def sample_request(
    url: str, signing_secrets: list[str], event_type: EventType, tenant_id: str, now: datetime
) -> FetchRequest:
    """An event that did not happen, about a video that there is not, signed like any other."""
    delivery = Delivery(
        id=new_event_id(now),
        tenant_id=tenant_id,
        endpoint_id=None,
        event_type=event_type,
        job_id=f"video_{0:032x}",
        state=DeliveryState.PENDING,
        attempt=1,
        due_at=now,
        created_at=now,
        ended_at=None,
        status_code=None,
        problem=None,
    )
    body = event_body(delivery)
    headers = signed_headers(delivery.id, now, body, signing_secrets)
    return FetchRequest(url=url, headers=headers, body=body)


class Deliverer:
    """Takes, sends and settles deliveries until `close`."""

    def __init__(
        self,
        deliveries: Deliveries,
        endpoints: Endpoints,
        fetcher: Fetcher,
        callback: Callback,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._deliveries = deliveries
        self._endpoints = endpoints
        self._fetcher = fetcher
        self._callback = callback
        self._clock = clock
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._pruned_at = clock()

    def start(self) -> None:
        """Deliver from a thread of its own."""
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._run()), name="webhooks", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop; what is under way is taken up again by somebody when its hold has ended."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    async def deliver(self, delivery: Delivery) -> None:
        """Make one attempt and write down how it went."""
        status_code, problem = None, None
        try:
            request = await asyncio.to_thread(self._request, delivery)
            status_code = (await self._fetcher.fetch(request)).status
            if not 200 <= status_code < 300:
                problem = f"the receiver answered {status_code}"
            outcome = outcome_of_attempt(delivery.attempt, status_code, random.random())
        except NotFound:
            problem = "the job or the endpoint was deleted"
            outcome = Outcome(state=DeliveryState.DEAD)
        except (FetchRefused, FetchFailed) as error:
            problem = str(error)
            outcome = outcome_of_attempt(delivery.attempt, None, random.random())
        await asyncio.to_thread(self._settle, delivery, outcome, status_code, problem)

    async def _run(self) -> None:
        open_deliveries: dict[asyncio.Task[None], str] = {}
        while not self._ended.is_set():
            taken = await asyncio.to_thread(self._take, list(open_deliveries.values()))
            for delivery in taken:
                task = asyncio.create_task(self._deliver_or_log(delivery))
                open_deliveries[task] = delivery.tenant_id
                task.add_done_callback(open_deliveries.pop)
            await asyncio.sleep(0 if taken else POLL_S)
        for task in list(open_deliveries):
            task.cancel()

    def _take(self, open_tenants: list[str]) -> list[Delivery]:
        now = self._clock()
        busy = [
            tenant for tenant, num in Counter(open_tenants).items() if num >= MAX_OPEN_PER_TENANT
        ]
        limit = min(MAX_OPEN - len(open_tenants), MAX_OPEN_PER_TENANT)
        try:
            if now - self._pruned_at >= timedelta(seconds=PRUNE_PERIOD_S):
                self._pruned_at = now
                self._deliveries.prune(now)
            if limit <= 0:
                return []
            return self._deliveries.take_due(now, limit=limit, busy_tenants=busy)
        except StoreUnavailable as error:
            logger.warning(str(error), extra={"action": "webhooks_wait"})
            return []

    async def _deliver_or_log(self, delivery: Delivery) -> None:
        try:
            await self.deliver(delivery)
        except Exception as error:  # a task's edge: its hold ends, and it is taken again
            logger.error(
                "webhook attempt lost",
                extra={"action": "webhook_lost", "delivery_id": delivery.id}
                | {"code": type(error).__name__},
            )

    def _request(self, delivery: Delivery) -> FetchRequest:
        now = self._clock()
        if delivery.endpoint_id is None:
            url, body = self._callback(delivery.job_id, delivery.tenant_id)
            signing_secrets: list[str] = []
        else:
            url, signing_secrets = self._endpoints.receiver(
                delivery.endpoint_id, delivery.tenant_id, now
            )
            body = event_body(delivery)
        headers = signed_headers(delivery.id, now, body, signing_secrets)
        return FetchRequest(url=url, headers=headers, body=body)

    def _settle(
        self, delivery: Delivery, outcome: Outcome, status_code: int | None, problem: str | None
    ) -> None:
        now = self._clock()
        self._deliveries.settle(
            delivery, outcome, status_code=status_code, problem=problem, now=now
        )
        if status_code == GONE and delivery.endpoint_id is not None:
            self._endpoints.disable(delivery.endpoint_id, now)
        logger.info(
            "webhook",
            extra={"action": f"webhook_{outcome.state}", "delivery_id": delivery.id}
            | {"job_id": delivery.job_id, "attempt": delivery.attempt, "status": status_code},
        )
