"""A store, a real receiver and a clock that the test moves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from telecine_platform.clock import utc_now
from telecine_platform.fetch.fetcher import Fetcher
from telecine_platform.fetch.rules import rules_from_text
from telecine_platform.jobs.store import JobStore
from telecine_platform.records import ClipKeys, Job, JobTerms, Stage
from telecine_platform.settings import Settings
from telecine_platform.webhooks.deliver import Deliverer
from telecine_platform.webhooks.deliveries import Deliveries
from telecine_platform.webhooks.endpoints import Endpoints
from telecine_platform.webhooks.records import Delivery, Endpoint, EventType
from telecine_platform.webhooks.vault import open_vault
from tests.records import spec, verdict
from tests.telecine_platform.webhooks.receiver import Receiver, receiving

CLIP = ClipKeys(video="v", thumbnail="t", spritesheet="s")


@dataclass
class Bench:
    """What the tests work with; `allowed` is what the fetcher may reach."""

    jobs: JobStore
    receiver: Receiver
    endpoints: Endpoints
    deliveries: Deliveries
    now: datetime
    allowed: str = "localhost"

    def clock(self) -> datetime:
        return self.now

    def register(self, tenant_id: str = "acme", url: str | None = None) -> tuple[Endpoint, str]:
        return self.endpoints.create(
            tenant_id=tenant_id,
            name="ours",
            url=url or self.receiver.url,
            event_types=list(EventType),
            now=self.now,
        )

    def claim(self, job_id: str, callback_url: str | None = None, tenant: str = "acme") -> Job:
        self.jobs.submit(
            job_id=job_id,
            tenant_id=tenant,
            spec=spec(),
            traceparent="",
            now=self.now,
            terms=JobTerms(callback_url=callback_url),
        )
        job = self.jobs.claim(Stage.SCREENING, "worker", 15, self.now)
        assert job is not None
        return job

    def finish(self, job: Job) -> None:
        self.jobs.hand_over(job, verdict(), self.now)
        for stage in (Stage.GENERATION, Stage.MODERATION):
            claimed = self.jobs.claim(stage, "worker", 15, self.now)
            assert claimed is not None
            if stage is Stage.GENERATION:
                self.jobs.hand_over(claimed, None, self.now)
            else:
                self.jobs.complete(claimed, CLIP, verdict(), self.now)

    def send(self) -> list[Delivery]:
        """Take and send what is due now; returns it as it was taken."""
        deliverer = Deliverer(
            self.deliveries,
            self.endpoints,
            Fetcher(rules_from_text(self.allowed)),
            self.callback,
            self.clock,
        )
        taken = self.deliveries.take_due(self.now, limit=10)

        async def send_all() -> None:
            for delivery in taken:
                await deliverer.deliver(delivery)

        asyncio.run(send_all())
        return taken

    def callback(self, job_id: str, tenant_id: str) -> tuple[str, bytes]:
        job = self.jobs.get(job_id, tenant_id)
        assert job.terms.callback_url is not None
        return job.terms.callback_url, f'{{"id": "{job.id}", "state": "{job.state}"}}'.encode()

    def all(self) -> list[Delivery]:
        return self.deliveries.list_deliveries("acme", limit=100)[0]


@contextmanager
def open_bench(jobs: JobStore, folder: Path) -> Iterator[Bench]:
    vault = open_vault(Settings(data_dir=folder))
    with receiving() as receiver:
        yield Bench(
            jobs=jobs,
            receiver=receiver,
            endpoints=Endpoints(jobs.database, lambda: vault),
            deliveries=Deliveries(jobs.database),
            now=utc_now(),
        )
