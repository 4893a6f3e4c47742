"""`/v1/takedowns/claimant` and `/v1/takedowns/claims`: the rights holder's side."""

from __future__ import annotations

import logging
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.concurrency import run_in_threadpool

from telecine_platform.api.bodies import fields_from_request
from telecine_platform.api.context import Context, RightsCaller
from telecine_platform.api.problems import RESPONSES
from telecine_platform.api.shapes import (
    JobPageQuery,
    PageQuery,
    body_from_fields,
    json_body,
)
from telecine_platform.api.takedowns.reference import keep_reference
from telecine_platform.api.takedowns.wire import (
    ClaimantBody,
    ClaimantView,
    ClaimBody,
    ClaimPage,
    ClaimView,
    HoldPage,
    HoldView,
    TextBody,
    claim_from_body,
    view_from_claim,
    view_from_claimant,
    view_from_hold,
)
from telecine_platform.ids import JOB_ID_PATTERN
from telecine_platform.takedowns.states import ClaimState

logger = logging.getLogger(__name__)
router = APIRouter(prefix="/v1/takedowns", tags=["takedowns"], responses=RESPONSES)

ClaimId = Annotated[str, Path(pattern=r"^claim_[0-9a-f]{20}$")]
VideoId = Annotated[str, Path(pattern=JOB_ID_PATTERN)]
_ANY = {"schema": {"type": "string", "format": "binary"}}


@router.put(
    "/claimant",
    summary="Say who you are",
    openapi_extra=json_body(ClaimantBody.model_json_schema()),
)
async def put_claimant(request: Request, context: Context, caller: RightsCaller) -> ClaimantView:
    """The operator verifies it; after a change, again."""
    body = body_from_fields(ClaimantBody, await fields_from_request(request))
    tenant_id, now = caller.tenant_id, context.now()

    def apply() -> ClaimantView:
        found = context.claimants.apply(tenant_id, body.name.strip(), body.contact.strip(), now)
        return view_from_claimant(found, context.claimants.record(tenant_id, now))

    return await run_in_threadpool(apply)


@router.get("/claimant", summary="Look at your account and its record")
def get_claimant(context: Context, caller: RightsCaller) -> ClaimantView:
    """404 before you have said who you are."""
    found = context.claimants.get(caller.tenant_id)
    return view_from_claimant(found, context.claimants.record(caller.tenant_id, context.now()))


@router.post(
    "/claims", summary="File a claim", openapi_extra=json_body(ClaimBody.model_json_schema())
)
async def file_claim(request: Request, context: Context, caller: RightsCaller) -> ClaimView:
    """At once a match goes to a person; once an administrator has verified the claim, matches are
    blocked and released ones taken down. Needs a verified account."""
    body = body_from_fields(ClaimBody, await fields_from_request(request))
    claim = await run_in_threadpool(
        context.claims.file, caller.tenant_id, claim_from_body(body), context.now()
    )
    logger.info("claimed", extra={"action": "claimed", "claim_id": claim.id})
    return view_from_claim(claim)


@router.put(
    "/claims/{claim_id}/reference",
    summary="Send reference media",
    openapi_extra={
        "requestBody": {
            "required": True, "content": {"video/mp4": _ANY, "application/octet-stream": _ANY},
        }
    },
)  # fmt: skip
async def put_reference(
    claim_id: ClaimId, request: Request, context: Context, caller: RightsCaller
) -> ClaimView:
    """A video or picture of the work, as the body. A replica looks at it within seconds; what it
    cannot read stands in `reference_problem`."""
    content = await request.body()
    claim = await run_in_threadpool(keep_reference, context, claim_id, caller.tenant_id, content)
    return view_from_claim(claim)


@router.get("/claims", summary="List your claims")
def list_claims(
    context: Context, caller: RightsCaller, query: Annotated[PageQuery, Query()]
) -> ClaimPage:
    """One page, in the order of ids."""
    found, has_more = context.claims.list_claims(
        caller.tenant_id, limit=query.limit, after=query.after
    )
    return ClaimPage(data=[view_from_claim(claim) for claim in found], has_more=has_more)


@router.get("/claims/{claim_id}", summary="Look at a claim")
def get_claim(claim_id: ClaimId, context: Context, caller: RightsCaller) -> ClaimView:
    """How far it was searched, and what was decided."""
    return view_from_claim(context.claims.get(claim_id, caller.tenant_id))


@router.get("/claims/{claim_id}/clips", summary="List the clips that a claim matches")
def list_claimed_clips(
    claim_id: ClaimId,
    context: Context,
    caller: RightsCaller,
    query: Annotated[JobPageQuery, Query()],
) -> HoldPage:
    """Whose they are is not told."""
    context.claims.get(claim_id, caller.tenant_id)
    found, has_more = context.holds.of_claim(claim_id, limit=query.limit, after=query.after)
    return HoldPage(data=[view_from_hold(hold) for hold in found], has_more=has_more)


@router.post("/claims/{claim_id}/retract", summary="Retract a claim")
def retract_claim(claim_id: ClaimId, context: Context, caller: RightsCaller) -> ClaimView:
    """What it took down comes back, but for what was upheld."""
    claim = context.claims.end(
        claim_id, ClaimState.RETRACTED, who=caller.tenant_id, tenant_id=caller.tenant_id,
        now=context.now(),
    )  # fmt: skip
    logger.info("retracted", extra={"action": "claim_retracted", "claim_id": claim.id})
    return view_from_claim(claim)


@router.post(
    "/claims/{claim_id}/clips/{video_id}/contest",
    summary="Answer an objection",
    openapi_extra=json_body(TextBody.model_json_schema()),
)
async def contest(
    claim_id: ClaimId, video_id: VideoId, request: Request, context: Context, caller: RightsCaller
) -> HoldView:
    """Until `due_at`; then an administrator decides. Without an answer the clip comes back."""
    text = body_from_fields(TextBody, await fields_from_request(request)).text
    hold = await run_in_threadpool(
        context.holds.contest, claim_id, video_id, caller.tenant_id, text, context.now()
    )
    return view_from_hold(hold)
