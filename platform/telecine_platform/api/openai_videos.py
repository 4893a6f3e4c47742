"""`/v1/videos`: the OpenAI Videos API, as far as text-to-video goes."""

from __future__ import annotations

import logging
import re
import secrets
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from telecine_platform.api.bodies import JSON, MULTIPART, URLENCODED, fields_from_request
from telecine_platform.api.content import Variant, response_from_clip
from telecine_platform.api.context import ApiContext, Context, Reader, Submitter
from telecine_platform.api.problems import RESPONSES
from telecine_platform.api.specs import spec_from_request
from telecine_platform.api.wire import (
    CreateVideoBody,
    DeletedVideo,
    Video,
    VideoList,
    body_from_fields,
    inference_time_s_from_history,
    video_from_job,
)
from telecine_platform.errors import NotFound, StorageUnavailable
from telecine_platform.ids import new_job_id
from telecine_platform.records import Job, JobState
from telecine_platform.storage.store import RESULTS
from telecine_platform.telemetry.tracing import current_traceparent, span

logger = logging.getLogger(__name__)
router = APIRouter(prefix="/v1/videos", tags=["videos"], responses=RESPONSES)

POLL_AFTER_MS = 500
"""What the OpenAI SDK waits between two polls; clips take seconds to minutes, a poll well below
a millisecond of CPU."""
ID_PATTERN = r"^video_[0-9a-f]{32}$"
_MAX_RANDOM_SEED = 2**53
"""A seed that we choose survives JSON readers that keep numbers as doubles."""
_CREATE_SCHEMA = CreateVideoBody.model_json_schema()


class ListQuery(BaseModel):
    """How to page through the videos."""

    model_config = ConfigDict(extra="forbid")

    after: Annotated[str, Field(pattern=ID_PATTERN)] | None = Field(
        None, description="The last id of the page before."
    )
    limit: int = Field(20, ge=1, le=100)
    order: Literal["asc", "desc"] = Field("desc", description="By creation time.")


@router.post(
    "",
    summary="Ask for a video",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {kind: {"schema": _CREATE_SCHEMA} for kind in (JSON, MULTIPART, URLENCODED)},
        }
    },
)
async def create_video(
    request: Request, response: Response, context: Context, tenant_id: Submitter
) -> Video:
    """Store the job and return at once; poll `GET /v1/videos/{video_id}` for the outcome."""
    with span("POST /v1/videos", parent=request.headers.get("traceparent", "")):
        body = body_from_fields(await fields_from_request(request))
        job = await run_in_threadpool(_submit, context, tenant_id, body)
    logger.info(
        "job submitted",
        extra={"action": "job_submitted", "job_id": job.id, "state": job.state}
        | {"request_id": request.state.request_id},
    )
    return _shown(job, context, response)


@router.get("", summary="List the videos")
def list_videos(
    context: Context, tenant_id: Reader, query: Annotated[ListQuery, Query()]
) -> VideoList:
    """One page of the caller's videos."""
    jobs, has_more = context.jobs.list_jobs(
        tenant_id, limit=query.limit, after=query.after, newest_first=query.order == "desc"
    )
    ttl_s = context.settings.result_ttl_s
    return VideoList(
        data=[video_from_job(job, result_ttl_s=ttl_s) for job in jobs],
        first_id=jobs[0].id if jobs else None,
        last_id=jobs[-1].id if jobs else None,
        has_more=has_more,
    )


@router.get("/{video_id}", summary="Look at a video")
def retrieve_video(video_id: str, response: Response, context: Context, tenant_id: Reader) -> Video:
    """Where the job stands; until it is final, `openai-poll-after-ms` says when to ask again."""
    return _shown(context.jobs.get(_checked_id(video_id), tenant_id), context, response)


@router.delete("/{video_id}", summary="Delete a video")
def delete_video(
    video_id: str, request: Request, context: Context, tenant_id: Submitter
) -> DeletedVideo:
    """Stop the job if it still runs, forget its texts, and delete its clip."""
    job = context.jobs.delete(_checked_id(video_id), tenant_id, context.now())
    fields = {"job_id": job.id, "request_id": request.state.request_id}
    logger.info("job deleted", extra={"action": "job_deleted", "state": job.state} | fields)
    try:
        # Its draft goes with the reaper's sweep, which keeps a blocked job's as evidence.
        context.blobs.delete(f"{RESULTS}/{job.id}")
    except StorageUnavailable:
        # The deletion is durable and nobody can reach the clip: the reaper sweeps its bytes.
        logger.warning("blobs left to the reaper", extra={"action": "blobs_left"} | fields)
    return DeletedVideo(id=job.id)


@router.head("/{video_id}/content", include_in_schema=False)
@router.get(
    "/{video_id}/content",
    summary="Download a video",
    response_class=Response,
    responses={
        200: {"description": "The whole file.", "content": {"application/octet-stream": {}}},
        206: {"description": "The part that `Range` asked for."},
        302: {"description": "The file is at `Location`, for a short while, without a key."},
        304: {"description": "`If-None-Match` names the file's `ETag`."},
    },
)
def download_video(
    video_id: str,
    request: Request,
    context: Context,
    tenant_id: Reader,
    variant: Variant = "video",
) -> Response:
    """The clip or one of its pictures. 400 until the video is completed."""
    return response_from_clip(
        context.jobs.get(_checked_id(video_id), tenant_id),
        variant,
        context.blobs,
        method=request.method,
        headers=request.headers,
        url_ttl_s=context.settings.signed_url_ttl_s,
    )


def _submit(context: ApiContext, tenant_id: str, body: CreateVideoBody) -> Job:
    spec = spec_from_request(
        body,
        context.card,
        max_prompt_chars=context.settings.max_prompt_chars,
        random_seed=secrets.randbelow(_MAX_RANDOM_SEED),
    )
    now = context.now()
    return context.jobs.submit(
        job_id=new_job_id(now),
        tenant_id=tenant_id,
        spec=spec,
        traceparent=current_traceparent(),
        now=now,
    )


def _checked_id(video_id: str) -> str:
    """Anything that cannot be an id of ours does not reach the database or the storage."""
    if not re.fullmatch(ID_PATTERN, video_id):
        raise NotFound(f"no video {video_id[:100]!r}: it was deleted, or there never was one")
    return video_id


def _shown(job: Job, context: ApiContext, response: Response) -> Video:
    inference_time_s = None
    if job.state is JobState.COMPLETED:
        inference_time_s = inference_time_s_from_history(context.jobs.history(job.id))
    if not job.state.is_final:
        response.headers["openai-poll-after-ms"] = str(POLL_AFTER_MS)
    return video_from_job(
        job, result_ttl_s=context.settings.result_ttl_s, inference_time_s=inference_time_s
    )
