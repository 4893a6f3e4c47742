"""`/v1/videos`: making videos, looking at them, ending them."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from telecine_platform.api.bodies import JSON, MULTIPART, URLENCODED, fields_from_request
from telecine_platform.api.context import ApiContext, Context, Reader, Submitter
from telecine_platform.api.ending import cancel_job, delete_job
from telecine_platform.api.job_ids import checked_job_id
from telecine_platform.api.pictures.keep import pictures_of
from telecine_platform.api.pictures.read import PictureSources, check_pictures, read_pictures
from telecine_platform.api.problems import RESPONSES
from telecine_platform.api.shapes import JobPageQuery, body_from_fields, json_body
from telecine_platform.api.specs import remixed_spec, spec_from_request
from telecine_platform.api.submission import (
    IdempotencyKey,
    Submission,
    random_seed,
    submit,
    ticket_from_request,
)
from telecine_platform.api.terms import terms_from_body
from telecine_platform.api.videos.bodies import (
    CreateVideoBody,
    RemixBody,
    create_body_from_fields,
)
from telecine_platform.api.videos.poll import PollRoute, shown_video
from telecine_platform.api.videos.wire import DeletedVideo, Video, VideoList, video_from_job
from telecine_platform.jobs.glimpse import Glimpse
from telecine_platform.records import Job
from telecine_platform.telemetry.tracing import span

router = APIRouter(prefix="/v1/videos", tags=["videos"], responses=RESPONSES)

MAX_WAIT_S = 60
"""Below the time after which load balancers cut a silent connection."""


class ListQuery(JobPageQuery):
    """How to page through the videos."""

    order: Literal["asc", "desc"] = Field("desc", description="By creation time.")


@router.post(
    "",
    summary="Ask for a video",
    openapi_extra=json_body(CreateVideoBody.model_json_schema(), (JSON, MULTIPART, URLENCODED)),
)
async def create_video(
    request: Request,
    response: Response,
    context: Context,
    tenant_id: Submitter,
    idempotency_key: IdempotencyKey = None,
) -> Video:
    """Store the job and return at once; poll `GET /v1/videos/{video_id}` for the outcome."""
    with span("POST /v1/videos", parent=request.headers.get("traceparent", "")):
        body, sources = create_body_from_fields(await fields_from_request(request))
        submission = await _submission_from_body(body, sources, context, tenant_id, idempotency_key)
        job = await run_in_threadpool(submit, context, submission, request.state.request_id)
    return _shown(job, context, response)


@router.post(
    "/{video_id}/remix",
    summary="Make it again with another prompt",
    openapi_extra=json_body(RemixBody.model_json_schema(), (JSON, MULTIPART, URLENCODED)),
)
async def remix_video(
    video_id: str,
    request: Request,
    response: Response,
    context: Context,
    tenant_id: Submitter,
    idempotency_key: IdempotencyKey = None,
) -> Video:
    """A new video with this one's parameters, seed included. The frames are made anew."""
    with span("POST /v1/videos/remix", parent=request.headers.get("traceparent", "")):
        body = body_from_fields(RemixBody, await fields_from_request(request))
        source = await run_in_threadpool(context.jobs.get, checked_job_id(video_id), tenant_id)
        now, settings = context.now(), context.settings
        context.card_for(source.spec.model)  # refuses one that is not served any more
        pictures = await run_in_threadpool(pictures_of, source, context.blobs)
        submission = Submission(
            tenant_id=tenant_id,
            pictures=pictures,
            spec=remixed_spec(source.spec, body.prompt, settings.max_prompt_chars),
            terms=terms_from_body(body, settings, now, remixed=source),
            ticket=ticket_from_request(
                idempotency_key, f"remix {source.id} {body.model_dump_json()}", settings, now
            ),
        )
        job = await run_in_threadpool(submit, context, submission, request.state.request_id)
    return _shown(job, context, response)


@router.get("", summary="List the videos")
def list_videos(
    context: Context, tenant_id: Reader, query: Annotated[ListQuery, Query()]
) -> VideoList:
    """One page of the caller's videos."""
    jobs, has_more = context.jobs.list_jobs(
        tenant_id, limit=query.limit, after=query.after, newest_first=query.order == "desc"
    )
    ttl_s, now = context.settings.result_ttl_s, context.now()
    return VideoList(
        data=[
            video_from_job(job, result_ttl_s=ttl_s, forecast=context.desk.forecast_of(job, now))
            for job in jobs
        ],
        first_id=jobs[0].id if jobs else None,
        last_id=jobs[-1].id if jobs else None,
        has_more=has_more,
    )


async def retrieve_video(
    video_id: str,
    response: Response,
    context: Context,
    tenant_id: Reader,
    wait: Annotated[
        float, Query(ge=0, le=MAX_WAIT_S, description="Seconds to wait for another state or stage.")
    ] = 0.0,
) -> Video:
    """Where the job stands; until it is final, `openai-poll-after-ms` says when to ask again."""
    job_id = checked_job_id(video_id)
    job = await context.polls.get(job_id, tenant_id)
    if wait > 0 and not job.state.is_final:
        before = (job.state, job.stage)

        def is_news(seen: Glimpse | None) -> bool:
            return seen is None or (seen.state, seen.stage) != before

        await context.watch.changed(job_id, is_news, wait)
        job = await context.polls.get(job_id, tenant_id)
    return _shown(job, context, response)


router.add_api_route(
    "/{video_id}", retrieve_video, summary="Look at a video", route_class_override=PollRoute
)


@router.post("/{video_id}/cancel", summary="Cancel a video")
def cancel_video(video_id: str, request: Request, context: Context, tenant_id: Submitter) -> Video:
    """End the job wherever it stands; it is kept, as `failed` with the code `cancelled`.

    409 when it has ended otherwise already.
    """
    job = cancel_job(context, checked_job_id(video_id), tenant_id, request.state.request_id)
    return video_from_job(job, result_ttl_s=context.settings.result_ttl_s)


@router.delete("/{video_id}", summary="Delete a video")
def delete_video(
    video_id: str, request: Request, context: Context, tenant_id: Submitter
) -> DeletedVideo:
    """Stop the job if it still runs, forget its texts, and delete its clip."""
    job_id = checked_job_id(video_id)
    delete_job(context, job_id, tenant_id, request.state.request_id)
    return DeletedVideo(id=job_id)


async def _submission_from_body(
    body: CreateVideoBody,
    sources: PictureSources,
    context: ApiContext,
    tenant_id: str,
    idempotency_key: str | None,
) -> Submission:
    settings, now = context.settings, context.now()
    card = context.card_for(body.model)
    check_pictures(sources, card, first_param="input_reference")
    spec = spec_from_request(body, card, settings, random_seed=random_seed())
    pictures = await read_pictures(context, sources, spec)
    return Submission(
        tenant_id=tenant_id,
        spec=spec,
        terms=terms_from_body(body, settings, now),
        ticket=ticket_from_request(
            idempotency_key, f"create {_plain_json(body)}", settings, now, pictures
        ),
        pictures=pictures,
    )


def _plain_json(body: CreateVideoBody) -> str:
    """Without the reference, which counts by its content."""
    return body.model_dump_json(exclude={"input_reference"})


def _shown(job: Job, context: ApiContext, response: Response) -> Video:
    shown = shown_video(job, context)
    response.headers.update(shown.headers)
    return shown.video
