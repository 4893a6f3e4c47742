"""`/v1/videos/{video_id}/events`: a job's life as server-sent events.

Each kept transition is an event with an id, its number within the job; a caller that lost the
connection sends the last one as `Last-Event-ID` and misses nothing. Progress has no id: only the
newest matters.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response
from fastapi.sse import EventSourceResponse, format_sse_event
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from telecine_platform.api.context import ApiContext, Context, Reader
from telecine_platform.api.job_ids import checked_job_id
from telecine_platform.api.problems import RESPONSES
from telecine_platform.api.videos.wire import Status, status_from_state, video_from_job
from telecine_platform.errors import NotFound
from telecine_platform.jobs.glimpse import Glimpse, glimpse_from_job
from telecine_platform.records import Job, JobState, Stage

router = APIRouter(prefix="/v1/videos", tags=["videos"], responses=RESPONSES)

KEEP_ALIVE_S = 15.0
"""Well below the time after which proxies cut a silent connection."""
MAX_STREAM_S = 900.0
"""Then the caller has to come again, and to show its key again."""
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


class Step(BaseModel):
    """One change of the job, as the events named `stage` carry it."""

    video_id: str
    status: Status
    stage: Stage
    attempt: int
    at: float = Field(description="Unix seconds.")


class Progress(BaseModel):
    """What the events named `progress` carry."""

    video_id: str
    progress: int = Field(description="Per cent of the denoising steps.")


@router.get(
    "/{video_id}/events",
    summary="Follow a video",
    response_class=Response,
    responses={
        200: {
            "description": "Events `stage` (with ids), `progress`, and at the end `video` with the "
            "video object.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        204: {"description": "It has ended, and `Last-Event-ID` is its last event: stop asking."},
    },
)
async def follow_video(
    video_id: str,
    context: Context,
    tenant_id: Reader,
    last_event_id: Annotated[
        str | None, Header(pattern=r"^[0-9]{1,9}$", description="The last id that was received.")
    ] = None,
) -> Response:
    """Server-sent events until the video is final."""
    job_id = checked_job_id(video_id)
    num_seen = int(last_event_id or 0)
    job, steps = await _look(context, job_id, tenant_id)
    if job.state.is_final and num_seen >= len(steps):
        return Response(status_code=204)
    events = _events(context, job, steps, num_seen)
    return EventSourceResponse(events, headers=_HEADERS)


async def _events(
    context: ApiContext, job: Job, steps: list[Step], num_seen: int
) -> AsyncIterator[bytes]:
    ends_at = asyncio.get_running_loop().time() + MAX_STREAM_S
    progress = -1
    while True:
        for number, step in enumerate(steps[num_seen:], num_seen + 1):
            yield _event("stage", step, number)
        num_seen = max(num_seen, len(steps))
        if job.progress != progress:
            progress = job.progress
            yield _event("progress", Progress(video_id=job.id, progress=progress))
        if job.state.is_final:
            ttl_s = context.settings.result_ttl_s
            yield _event("video", video_from_job(job, result_ttl_s=ttl_s))
            return
        before = glimpse_from_job(job)

        def is_news(seen: Glimpse | None, before: Glimpse = before) -> bool:
            return seen != before

        while not await context.watch.changed(job.id, is_news, KEEP_ALIVE_S):
            if context.watch.is_closed or asyncio.get_running_loop().time() > ends_at:
                return
            yield format_sse_event(comment="still here")
        try:
            job, steps = await _look(context, job.id, job.tenant_id)
        except NotFound:  # deleted meanwhile
            return


async def _look(context: ApiContext, job_id: str, tenant_id: str) -> tuple[Job, list[Step]]:
    job = await context.polls.get(job_id, tenant_id)
    history = await run_in_threadpool(context.jobs.history, job_id)
    return job, [_step_from_row(job_id, row) for row in history]


def _step_from_row(job_id: str, row: Any) -> Step:  # Any: a row of the transitions table
    return Step(
        video_id=job_id,
        status=status_from_state(JobState(row.state), row.epoch),
        stage=Stage(row.stage),
        attempt=row.attempt,
        at=row.at.timestamp(),
    )


def _event(name: str, data: BaseModel, number: int | None = None) -> bytes:
    return format_sse_event(
        event=name, data_str=data.model_dump_json(), id=None if number is None else str(number)
    )
