"""The open loop: each job is asked for at its time, whatever became of the others.

Invariant: it ends by itself. Nothing waits longer than an arrival's time plus `timeout_s`, except
the closing audit, which has `AUDIT_WITHIN_S`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import TypeVar

import httpx

from loadtests import target
from loadtests.arrivals import Arrival
from loadtests.results import JobResult, JobStatus, RunRecord, ServerJob

RECONNECT_S = 1.0
"""Wait before a submission is tried again that found no connection."""
AUDIT_WITHIN_S = 60.0
"""How long a server may take to answer again, once the last job has ended."""
FIGURES_AGE_S = 1.5
"""Telecine reads its figures once a second: a younger reading may miss the last jobs."""


class Event(StrEnum):
    """What the progress line counts."""

    SENT = "sent"
    COMPLETED = "completed"
    ENDED_OTHERWISE = "ended otherwise"


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How a run is driven."""

    timeout_s: float
    """A job that is not final so long after its scheduled arrival is lost."""
    with_download: bool
    started_at: float
    """On the event loop's clock."""
    on_event: Callable[[Event], None]
    clients: Mapping[str, httpx.AsyncClient]
    """By tenant; the driver's own has no name."""

    def now_s(self) -> float:
        return asyncio.get_running_loop().time() - self.started_at


T = TypeVar("T")


async def drive(
    client: httpx.AsyncClient,
    arrivals: Sequence[Arrival],
    *,
    timeout_s: float,
    with_download: bool,
    on_event: Callable[[Event], None],
    figures_age_s: float = FIGURES_AGE_S,
    tenants: Mapping[str, httpx.AsyncClient] | None = None,
) -> RunRecord:
    """Run the schedule against the server and find out what came of it.

    `tenants` are connections with each tenant's key, for the tenants that the arrivals name.
    Raises `TargetError` when the server does not answer before the first job or after the last.
    """
    clients = {"": client} | dict(tenants or {})
    askers = {item.tenant: clients[item.tenant] for item in arrivals}
    newest_before = {name: await target.newest_job(asker) for name, asker in askers.items()}
    stages_before = await target.stage_totals(client)
    course = Course(
        timeout_s=timeout_s,
        with_download=with_download,
        started_at=asyncio.get_running_loop().time(),
        on_event=on_event,
        clients=clients,
    )
    results = await asyncio.gather(*(_one(arrival, course) for arrival in arrivals))
    took_s = course.now_s()
    listed: tuple[ServerJob, ...] = ()
    for name, asker in askers.items():
        since = partial(target.jobs_since, asker, newest_before[name])
        listed += await _insist(since)
    results = await asyncio.gather(*(_settle(item, listed, course) for item in results))
    if stages_before:
        await asyncio.sleep(figures_age_s)
    return RunRecord(
        results=tuple(results),
        listed=tuple(listed),
        stages_before=stages_before,
        stages_after=await _insist(lambda: target.stage_totals(client)),
        took_s=took_s,
    )


async def _one(arrival: Arrival, course: Course) -> JobResult:
    client = course.clients[arrival.tenant]
    await asyncio.sleep(arrival.at_s - course.now_s())
    deadline = course.started_at + arrival.at_s + course.timeout_s
    result = JobResult(arrival=arrival, sent_at_s=course.now_s(), status=JobStatus.UNANSWERED)
    course.on_event(Event.SENT)
    try:
        async with asyncio.timeout_at(deadline):
            result = replace(result, job_id=await _submit(client, arrival), status=JobStatus.OPEN)
    except target.Refused as refusal:
        result = replace(result, status=JobStatus.REFUSED, error_code=refusal.code)
    except (target.Unanswered, TimeoutError):
        pass
    else:
        async with _taken_back(client, result):
            result = await _follow(client, result, deadline, course)
    is_completed = result.status is JobStatus.COMPLETED
    course.on_event(Event.COMPLETED if is_completed else Event.ENDED_OTHERWISE)
    if is_completed and course.with_download:
        return await _download(client, result, course)
    return result


@asynccontextmanager
async def _taken_back(client: httpx.AsyncClient, result: JobResult) -> AsyncIterator[None]:
    """Meanwhile, take the job back at its time, if its caller does."""
    after_s = result.arrival.cancel_after_s
    if after_s is None or result.job_id is None:
        yield
        return

    async def take_back(job_id: str) -> None:
        await asyncio.sleep(after_s)
        await target.cancel(client, job_id)

    task = asyncio.create_task(take_back(result.job_id))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _submit(client: httpx.AsyncClient, arrival: Arrival) -> str:
    while True:
        try:
            return await target.submit(client, arrival)
        except target.NotSent:
            await asyncio.sleep(RECONNECT_S)


async def _follow(
    client: httpx.AsyncClient, result: JobResult, deadline: float, course: Course
) -> JobResult:
    """Poll as the server wishes until the job is final, unknown or late."""
    assert result.job_id is not None  # both callers have set it
    try:
        async with asyncio.timeout_at(deadline):
            sighting = await target.look(client, result.job_id)
            while sighting.status is JobStatus.OPEN:
                await asyncio.sleep(sighting.wait_s)
                sighting = await target.look(client, result.job_id)
    except TimeoutError:
        return result
    is_final = sighting.status in (JobStatus.COMPLETED, JobStatus.FAILED)
    return replace(
        result,
        status=sighting.status,
        error_code=sighting.error_code,
        ended_at_s=course.now_s() if is_final else None,
        inference_time_s=sighting.inference_time_s,
        video_s=sighting.video_s,
    )


async def _download(client: httpx.AsyncClient, result: JobResult, course: Course) -> JobResult:
    assert result.job_id is not None  # it is completed
    started_s = course.now_s()
    size_bytes = None
    with suppress(TimeoutError):
        async with asyncio.timeout(course.timeout_s):
            size_bytes = await target.download(client, result.job_id)
    return replace(result, download_s=course.now_s() - started_s, size_bytes=size_bytes)


async def _settle(result: JobResult, listed: Sequence[ServerJob], course: Course) -> JobResult:
    """Find the job of a submission whose answer went astray, and see it through."""
    key = (result.arrival.prompt, result.arrival.seed)
    ids = [job.id for job in listed if (job.prompt, job.seed) == key]
    if result.status is not JobStatus.UNANSWERED or not ids:
        return result
    found = replace(result, job_id=ids[-1], status=JobStatus.OPEN)
    deadline = course.started_at + course.now_s() + course.timeout_s
    found = await _follow(course.clients[result.arrival.tenant], found, deadline, course)
    return replace(found, ended_at_s=None)  # looked at late: no latency


async def _insist(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask again while the server is away: a restart at the end must not cost the whole report."""
    give_up_at = asyncio.get_running_loop().time() + AUDIT_WITHIN_S
    while True:
        try:
            return await ask()
        except target.TargetError:
            if asyncio.get_running_loop().time() > give_up_at:
                raise
            await asyncio.sleep(RECONNECT_S)
