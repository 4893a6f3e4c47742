"""The generation queue in memory: `jobs/tenant_queues.py` and `jobs/claim.py` without a database.

Every decision is `telecine_platform.scheduling.order`'s. A test runs this and the database side by
side (`tests/telecine_platform/jobs/test_claim.py`): both must give out the same jobs.
"""

from __future__ import annotations

from datetime import datetime

from telecine_platform.scheduling.order import (
    QueuedJob,
    Share,
    fronts_of,
    job_rank,
    queue_of,
    tenant_rank,
)


class MemoryQueue:
    """Jobs that wait, by tenant, and every tenant's share."""

    def __init__(self) -> None:
        self.waiting: dict[str, list[QueuedJob]] = {}
        self.shares: dict[str, Share] = {}

    def add(self, job: QueuedJob, weight: float = 1.0) -> None:
        """Queue the job."""
        tenant_id = job.tenant_id
        known = self.shares.get(tenant_id)
        share = known or Share(tenant_id=tenant_id, weight=weight, virtual_gpu_s=0.0)
        if tenant_id not in self.waiting:
            share = share.back(self._front_gpu_s(job.priority))
        self.shares[tenant_id] = share
        self.waiting.setdefault(tenant_id, []).append(job)

    def take(self, now: datetime) -> QueuedJob | None:
        """Give out the next job, and charge its price to its tenant; None: none waits."""
        queues = [queue_of(self.shares[key], own) for key, own in self.waiting.items()]
        if not queues:
            return None
        fronts = fronts_of(queues)
        first = min(queues, key=lambda queue: tenant_rank(queue, fronts[queue.priority], now))
        own = self.waiting[first.share.tenant_id]
        job = min(own, key=lambda job: job_rank(job, now))
        own.remove(job)
        if not own:
            del self.waiting[job.tenant_id]
        self.charge(job.tenant_id, job.price_gpu_s)
        return job

    def charge(self, tenant_id: str, gpu_s: float) -> None:
        """Count GPU-seconds against the tenant's share (below 0: give them back)."""
        self.shares[tenant_id] = self.shares[tenant_id].after(gpu_s)

    def jobs(self) -> list[QueuedJob]:
        """Everything that waits."""
        return [job for own in self.waiting.values() for job in own]

    def _front_gpu_s(self, priority: int) -> float:
        beside = [
            self.shares[tenant_id].virtual_gpu_s
            for tenant_id, own in self.waiting.items()
            if max(job.priority for job in own) >= priority
        ]
        everybody = [share.virtual_gpu_s for share in self.shares.values()]
        return min(beside) if beside else max(everybody, default=0.0)
