"""`/v1/reviews`: the jobs that wait for a person, of every tenant."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from telecine_platform.access.callers import Caller
from telecine_platform.api.bodies import optional_fields_from_request
from telecine_platform.api.context import ApiContext, Context, ReviewCaller
from telecine_platform.api.problems import RESPONSES
from telecine_platform.api.reviews.page import page_from_job
from telecine_platform.api.shapes import Body, JobPageQuery, Page, body_from_fields, json_body
from telecine_platform.api.verdicts import VerdictView, view_from_verdict
from telecine_platform.ids import JOB_ID_PATTERN
from telecine_platform.records import Job

logger = logging.getLogger(__name__)
router = APIRouter(prefix="/v1/reviews", tags=["reviews"], responses=RESPONSES)

JobId = Annotated[str, Path(pattern=JOB_ID_PATTERN)]
# Nothing is loaded from anywhere, and nobody can put the page into a frame.
PAGE_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
}


class NoteBody(Body):
    """What the reviewer has to say. On a refusal the caller reads it."""

    note: Annotated[str, Field(max_length=1000, pattern=r"^[^\x00]*$")] = ""


class ReviewView(BaseModel):
    """A job as a reviewer sees it."""

    job_id: str
    object: Literal["review"] = "review"
    state: str
    tenant_id: str
    created_at: int
    prompt: str
    negative_prompt: str
    verdicts: list[VerdictView]


class ReviewPage(Page):
    data: list[ReviewView]


@router.get("", summary="List the held jobs")
def list_reviews(
    context: Context, _caller: ReviewCaller, query: Annotated[JobPageQuery, Query()]
) -> ReviewPage:
    """One page of the queue, the longest waiting first."""
    found, has_more = context.held.list_held(limit=query.limit, after=query.after)
    return ReviewPage(data=[_view(job) for job in found], has_more=has_more)


@router.get("/{job_id}", summary="Look at a job's verdicts")
def get_review(job_id: JobId, context: Context, _caller: ReviewCaller) -> ReviewView:
    """Any job that was not deleted, held or not."""
    return _view(context.held.get(job_id))


@router.get(
    "/{job_id}/page",
    summary="Read a job's verdicts",
    response_class=Response,
    responses={200: {"description": "A page for people.", "content": {"text/html": {}}}},
)
def read_review(job_id: JobId, context: Context, _caller: ReviewCaller) -> Response:
    """What matched and why, for support staff."""
    page = page_from_job(context.held.get(job_id))
    return Response(page, media_type="text/html", headers=PAGE_HEADERS)


@router.post(
    "/{job_id}/approve",
    summary="Approve a held job",
    openapi_extra=json_body(NoteBody.model_json_schema()),
)
async def approve(
    job_id: JobId, request: Request, context: Context, caller: ReviewCaller
) -> ReviewView:
    """The job goes on to generation. 409 when it is not, or no longer, held."""
    return await _decided(job_id, request, context, caller, context.held.approve, "approved")


@router.post(
    "/{job_id}/refuse",
    summary="Refuse a held job",
    openapi_extra=json_body(NoteBody.model_json_schema()),
)
async def refuse(
    job_id: JobId, request: Request, context: Context, caller: ReviewCaller
) -> ReviewView:
    """The job ends; its caller reads the note. 409 when it is not, or no longer, held."""
    return await _decided(job_id, request, context, caller, context.held.refuse, "refused")


async def _decided(
    job_id: str,
    request: Request,
    context: ApiContext,
    caller: Caller,
    decide: Callable[..., Job],
    word: str,
) -> ReviewView:
    note = body_from_fields(NoteBody, await optional_fields_from_request(request)).note.strip()
    who = caller.tenant_id
    job = await run_in_threadpool(decide, job_id, who=who, note=note, now=context.now())
    logger.info("reviewed", extra={"action": f"review_{word}", "job_id": job.id, "who": who})
    return _view(job)


def _view(job: Job) -> ReviewView:
    return ReviewView(
        job_id=job.id,
        state=job.state,
        tenant_id=job.tenant_id,
        created_at=int(job.created_at.timestamp()),
        prompt=job.spec.prompt,
        negative_prompt=job.spec.negative_prompt,
        verdicts=[view_from_verdict(verdict) for verdict in job.verdicts],
    )
