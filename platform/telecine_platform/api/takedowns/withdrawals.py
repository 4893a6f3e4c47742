"""`/v1/takedowns/withdrawals`: the clip owner's side."""

from __future__ import annotations

import logging
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool

from telecine_platform.api.bodies import fields_from_request
from telecine_platform.api.context import Context, Reader, Submitter
from telecine_platform.api.problems import RESPONSES
from telecine_platform.api.shapes import JobPageQuery, body_from_fields, json_body
from telecine_platform.api.takedowns.claims import ClaimId, VideoId
from telecine_platform.api.takedowns.wire import CounterBody, HoldPage, HoldView, view_from_hold

logger = logging.getLogger(__name__)
router = APIRouter(prefix="/v1/takedowns/withdrawals", tags=["takedowns"], responses=RESPONSES)


@router.get("", summary="List what was done to your videos")
def list_withdrawals(
    context: Context, tenant_id: Reader, query: Annotated[JobPageQuery, Query()]
) -> HoldPage:
    """One page, in the order of videos."""
    found, has_more = context.holds.of_owner(tenant_id, limit=query.limit, after=query.after)
    return HoldPage(data=[view_from_hold(hold) for hold in found], has_more=has_more)


@router.post(
    "/{claim_id}/{video_id}/counter",
    summary="Object to a takedown",
    openapi_extra=json_body(CounterBody.model_json_schema()),
)
async def counter(
    claim_id: ClaimId, video_id: VideoId, request: Request, context: Context, tenant_id: Submitter
) -> HoldView:
    """Until `due_at`. Unless the claimant answers in time, the video comes back."""
    text = body_from_fields(CounterBody, await fields_from_request(request)).text
    hold = await run_in_threadpool(
        context.holds.counter, claim_id, video_id, tenant_id, text, context.now()
    )
    logger.info("countered", extra={"action": "countered", "job_id": video_id})
    return view_from_hold(hold)
