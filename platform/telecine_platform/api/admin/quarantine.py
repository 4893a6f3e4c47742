"""`/v1/admin/quarantine`: jobs that were stopped because they ended their workers."""

from __future__ import annotations

import logging
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel

from telecine_platform.api.context import AdminCaller, Context
from telecine_platform.api.problems import RESPONSES
from telecine_platform.api.shapes import Page, PageQuery
from telecine_platform.ids import JOB_ID_PATTERN
from telecine_platform.jobs.quarantine import QuarantinedJobs
from telecine_platform.records import Job

logger = logging.getLogger(__name__)
router = APIRouter(prefix="/v1/admin/quarantine", tags=["admin"], responses=RESPONSES)


class QuarantinedView(BaseModel):
    """A quarantined job, without its texts."""

    job_id: str
    object: Literal["quarantined"] = "quarantined"
    tenant_id: str
    model: str
    size: str
    num_frames: int
    stage: str
    state: str
    num_deaths: int
    message: str | None
    """None once it is queued again."""


class QuarantinedPage(Page):
    data: list[QuarantinedView]


@router.get("", summary="List the quarantined jobs")
def list_quarantined(
    context: Context, _caller: AdminCaller, query: Annotated[PageQuery, Query()]
) -> QuarantinedPage:
    """One page of every tenant's, in the order of ids."""
    stopped = QuarantinedJobs(context.jobs.database)
    found, has_more = stopped.list_quarantined(limit=query.limit, after=query.after)
    return QuarantinedPage(data=[_view(job) for job in found], has_more=has_more)


@router.post("/{job_id}/requeue", summary="Queue a quarantined job again")
def requeue(
    job_id: Annotated[str, Path(pattern=JOB_ID_PATTERN)], context: Context, caller: AdminCaller
) -> QuarantinedView:
    """It goes on in the stage that it failed in. 409 when it is not, or no longer, quarantined."""
    stopped = QuarantinedJobs(context.jobs.database)
    job = stopped.requeue(job_id, who=caller.tenant_id, now=context.now())
    logger.info("requeued", extra={"action": "requeued", "job_id": job.id})
    return _view(job)


def _view(job: Job) -> QuarantinedView:
    return QuarantinedView(
        job_id=job.id,
        tenant_id=job.tenant_id,
        model=job.spec.model,
        size=f"{job.spec.width_px}x{job.spec.height_px}",
        num_frames=job.spec.num_frames,
        stage=job.stage,
        state=job.state,
        num_deaths=job.num_deaths,
        message=None if job.error is None else job.error.message,
    )
