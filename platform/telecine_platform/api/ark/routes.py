"""`/api/v3/contents/generations/tasks`: the calls of Ark's SDK. A task is a job like any other, and
the same id is a video of `/v1/videos`.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from telecine_platform.api.ark.bodies import (
    CreateTaskBody,
    body_from_task_fields,
    pictures_from_task,
    spec_from_task,
    terms_from_task,
)
from telecine_platform.api.ark.links import task_with_links
from telecine_platform.api.ark.wire import Status, Task, TaskId, TaskList, filter_from_status
from telecine_platform.api.bodies import fields_from_request
from telecine_platform.api.context import Context, Reader, Submitter
from telecine_platform.api.ending import cancel_job, delete_job
from telecine_platform.api.job_ids import checked_job_id
from telecine_platform.api.pictures.read import check_pictures, read_pictures
from telecine_platform.api.problems import RESPONSES
from telecine_platform.api.shapes import json_body
from telecine_platform.api.submission import (
    IdempotencyKey,
    Submission,
    submit,
    ticket_from_request,
)
from telecine_platform.api.user_urls import check_user_url
from telecine_platform.ids import JOB_ID_PATTERN
from telecine_platform.jobs.pages import JobFilter, numbered_page
from telecine_platform.telemetry.tracing import span

logger = logging.getLogger(__name__)
PREFIX = "/api/v3/contents/generations/tasks"
router = APIRouter(prefix=PREFIX, tags=["tasks"], responses=RESPONSES)


class TaskQuery(BaseModel):
    """Which tasks to list."""

    model_config = ConfigDict(extra="forbid")

    page_num: int = Field(1, ge=1, le=500)
    page_size: int = Field(10, ge=1, le=500)
    status: Status | None = Field(None, alias="filter.status")
    model: Annotated[str, Field(max_length=128, pattern=r"^[^\x00]*$")] | None = Field(
        None, alias="filter.model"
    )
    service_tier: Annotated[str, Field(max_length=64, pattern=r"^[^\x00]*$")] | None = Field(
        None, alias="filter.service_tier"
    )
    task_ids: Annotated[
        list[Annotated[str, Field(pattern=JOB_ID_PATTERN)]], Field(max_length=500)
    ] = Field([], alias="filter.task_ids")


@router.post(
    "", summary="Create a task", openapi_extra=json_body(CreateTaskBody.model_json_schema())
)
async def create_task(
    request: Request,
    context: Context,
    tenant_id: Submitter,
    idempotency_key: IdempotencyKey = None,
) -> TaskId:
    """Store the task and return at once; ask `GET …/tasks/{task_id}` for the outcome."""
    with span(f"POST {PREFIX}", parent=request.headers.get("traceparent", "")):
        body, prompt = body_from_task_fields(await fields_from_request(request))
        settings, now = context.settings, context.now()
        if body.callback_url is not None:
            check_user_url(context, body.callback_url, "callback_url")
        card = context.card_for(body.model)
        sources = pictures_from_task(body)
        check_pictures(sources, card, first_param="content")
        spec = spec_from_task(body, prompt, card, settings)
        pictures = await read_pictures(context, sources, spec)
        submission = Submission(
            tenant_id=tenant_id,
            spec=spec,
            pictures=pictures,
            terms=terms_from_task(body, settings, now),
            ticket=ticket_from_request(
                idempotency_key, f"task {body.model_dump_json()}", settings, now, pictures
            ),
        )
        job = await run_in_threadpool(submit, context, submission, request.state.request_id)
    return TaskId(id=job.id, safety_identifier=job.terms.safety_identifier)


@router.get("", summary="List the tasks")
def list_tasks(
    request: Request, context: Context, tenant_id: Reader, query: Annotated[TaskQuery, Query()]
) -> TaskList:
    """One page of the caller's tasks, newest first."""
    wanted = JobFilter() if query.status is None else filter_from_status(query.status)
    wanted = replace(
        wanted,
        model=query.model,
        service_tier=query.service_tier,
        job_ids=tuple(query.task_ids) or None,
    )
    jobs, total = numbered_page(
        context.jobs.database, tenant_id, wanted, number=query.page_num, size=query.page_size
    )
    items = [task_with_links(job, context, str(request.base_url)) for job in jobs]
    return TaskList(total=total, items=items)


@router.get("/{task_id}", summary="Look at a task")
def retrieve_task(task_id: str, request: Request, context: Context, tenant_id: Reader) -> Task:
    """Where the task stands, and once it has succeeded, where its clip is for a while."""
    job = context.jobs.get(checked_job_id(task_id), tenant_id)
    return task_with_links(job, context, str(request.base_url))


@router.delete("/{task_id}", summary="Cancel or delete a task")
def delete_task(
    task_id: str, request: Request, context: Context, tenant_id: Submitter
) -> dict[str, str]:
    """Cancel a task that has not ended; delete one that has, with its clip."""
    job_id = checked_job_id(task_id)
    if context.jobs.get(job_id, tenant_id).state.is_final:
        delete_job(context, job_id, tenant_id, request.state.request_id)
    else:
        cancel_job(context, job_id, tenant_id, request.state.request_id)
    return {}
