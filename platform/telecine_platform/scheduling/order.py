"""Who is next for a gang: fair between tenants, short jobs first, nothing for ever.

Between tenants, by (1) a job that has waited its bound, (2) priority, (3) a deadline that presses,
(4) virtual finish: the GPU-seconds per weight that the tenant would have got with its next job.
That last one is self-clocked fair queueing (Golestani, INFOCOM 1994); start-time fair queueing
(Goyal, Vin, Cheng, SIGCOMM 1996) is the source of how an idle tenant comes back. Within a tenant
the same, with the price in place of the virtual finish.

Invariant: (1) and (3) count only while the tenant is ahead of its share by no more than one job, so
neither many old jobs nor invented deadlines take from the others. A tenant passed over for long
falls behind the others' virtual time, and then (1) holds for its jobs whatever their priority.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import accumulate

Rank = tuple[bool, float, bool, float, str]
"""Smaller is sooner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedJob:
    """What the order needs to know of a job that waits for a gang."""

    id: str
    tenant_id: str
    priority: int
    """The higher the sooner."""
    price_gpu_s: float
    start_by: datetime | None = None
    """From then on its deadline presses; None: it has none."""
    overdue_at: datetime | None = None
    """From then on it has waited its bound; None: it can wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What a tenant may have of the GPUs, and what it has had."""

    tenant_id: str
    weight: float
    virtual_gpu_s: float
    """GPU-seconds got, divided by the weight; comparable between tenants."""

    def after(self, gpu_s: float) -> Share:
        """Once `gpu_s` more have been given (or, below 0, given back)."""
        return replace(self, virtual_gpu_s=self.virtual_gpu_s + gpu_s / self.weight)

    def back(self, front_gpu_s: float) -> Share:
        """As its empty queue fills: it gains no credit by having been idle.

        `front_gpu_s` is the least of the tenants beside whom it stands in the queue now, of its
        priority and higher ones; where there are none, the most that any tenant has had.
        """
        return replace(self, virtual_gpu_s=max(self.virtual_gpu_s, front_gpu_s))


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantQueue:
    """A tenant with jobs in the queue, and its most important jobs' figures."""

    share: Share
    priority: int
    """The highest in this queue."""
    price_gpu_s: float
    """Of the shortest job with that priority."""
    start_by: datetime | None
    """The earliest with that priority."""
    overdue_at: datetime | None
    """The earliest in this queue."""


def is_past(moment: datetime | None, now: datetime) -> bool:
    """Whether there is such a moment, and it has come."""
    return moment is not None and moment <= now


def job_rank(job: QueuedJob, now: datetime) -> Rank:
    """A job's place among its tenant's."""
    if is_past(job.overdue_at, now):
        return (False, _seconds(job.overdue_at), False, 0.0, job.id)
    if is_past(job.start_by, now):
        return (True, -job.priority, False, _seconds(job.start_by), job.id)
    return (True, -job.priority, True, job.price_gpu_s, job.id)


def tenant_rank(queue: TenantQueue, front_gpu_s: float, now: datetime) -> Rank:
    """A tenant's place among those that have jobs; `front_gpu_s` as `fronts_of` has it."""
    share = queue.share
    own_gpu_s = queue.price_gpu_s / share.weight
    if share.virtual_gpu_s <= front_gpu_s + own_gpu_s:  # not ahead of its share
        if is_past(queue.overdue_at, now):
            return (False, _seconds(queue.overdue_at), False, 0.0, share.tenant_id)
        if is_past(queue.start_by, now):
            return (True, -queue.priority, False, _seconds(queue.start_by), share.tenant_id)
    return (True, -queue.priority, True, share.virtual_gpu_s + own_gpu_s, share.tenant_id)


def in_order(queues: Sequence[TenantQueue], now: datetime) -> list[TenantQueue]:
    """The tenants that have jobs, the next one first."""
    fronts = fronts_of(queues)
    return sorted(queues, key=lambda queue: tenant_rank(queue, fronts[queue.priority], now))


def fronts_of(queues: Iterable[TenantQueue]) -> dict[int, float]:
    """For each priority, the least virtual time among the tenants of it and of higher ones."""
    least: dict[int, float] = {}
    for queue in queues:
        own_gpu_s = queue.share.virtual_gpu_s
        least[queue.priority] = min(least.get(queue.priority, own_gpu_s), own_gpu_s)
    order = sorted(least, reverse=True)
    return dict(zip(order, accumulate((least[item] for item in order), min), strict=True))


def queue_of(share: Share, jobs: Sequence[QueuedJob]) -> TenantQueue:
    """A tenant's figures from its jobs, of which there must be one."""
    priority = max(job.priority for job in jobs)
    top = [job for job in jobs if job.priority == priority]
    starts = [job.start_by for job in top if job.start_by is not None]
    bounds = [job.overdue_at for job in jobs if job.overdue_at is not None]
    return TenantQueue(
        share=share,
        priority=priority,
        price_gpu_s=min(job.price_gpu_s for job in top),
        start_by=min(starts, default=None),
        overdue_at=min(bounds, default=None),
    )


def drain(
    jobs: Iterable[QueuedJob], shares: Mapping[str, Share], now: datetime
) -> Iterator[QueuedJob]:
    """The order in which these jobs would be taken if no other came and `now` stood still."""
    waiting: dict[str, list[QueuedJob]] = {}
    for job in jobs:
        waiting.setdefault(job.tenant_id, []).append(job)
    for own in waiting.values():
        own.sort(key=lambda job: job_rank(job, now), reverse=True)

    def head(share: Share) -> TenantQueue:
        return queue_of(share, waiting[share.tenant_id][-1:])

    fronts = fronts_of(head(shares[tenant_id]) for tenant_id in waiting)
    lowest = max(fronts.values(), default=0.0)

    def entry(share: Share) -> tuple[Rank, Share]:
        queue = head(share)
        front_gpu_s = fronts.get(queue.priority, lowest)
        return tenant_rank(queue, front_gpu_s, now), share  # ranks differ: no share is compared

    heap = [entry(shares[tenant_id]) for tenant_id in waiting]
    heapq.heapify(heap)
    while heap:
        share = heap[0][1]
        job = waiting[share.tenant_id].pop()
        yield job
        if waiting[share.tenant_id]:
            heapq.heapreplace(heap, entry(share.after(job.price_gpu_s)))
        else:
            heapq.heappop(heap)


def _seconds(moment: datetime | None) -> float:
    return 0.0 if moment is None else moment.timestamp()
