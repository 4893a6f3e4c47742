"""`/v1/admin/claimants` and `/v1/admin/claims`: the operator's side of takedowns."""

from __future__ import annotations

import logging
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from starlette.concurrency import run_in_threadpool

from telecine_platform.access.callers import TENANT_PATTERN
from telecine_platform.api.bodies import fields_from_request, optional_fields_from_request
from telecine_platform.api.context import AdminCaller, ApiContext, Context
from telecine_platform.api.problems import RESPONSES
from telecine_platform.api.shapes import JobPageQuery, PageQuery, body_from_fields, json_body
from telecine_platform.api.takedowns.claims import ClaimId, VideoId
from telecine_platform.api.takedowns.wire import (
    ClaimantPage,
    ClaimantView,
    ClaimPage,
    ClaimView,
    HoldPage,
    HoldView,
    VerifyClaimBody,
    view_from_claim,
    view_from_claimant,
    view_from_hold,
)
from telecine_platform.errors import InvalidRequest
from telecine_platform.takedowns.states import ClaimantState, ClaimState, HoldState

logger = logging.getLogger(__name__)
router = APIRouter(prefix="/v1/admin", tags=["admin"], responses=RESPONSES)

TenantId = Annotated[str, Path(pattern=TENANT_PATTERN)]
_DECISIONS = {
    "uphold": HoldState.UPHELD, "reinstate": HoldState.REINSTATED, "drop": HoldState.DROPPED,
}  # fmt: skip


class ClaimQuery(PageQuery):
    """Which claims to list."""

    state: ClaimState | None = None


@router.get("/claimants", summary="List the claimants")
def list_claimants(
    context: Context, _caller: AdminCaller, query: Annotated[PageQuery, Query()]
) -> ClaimantPage:
    """With their records: how often they were objected to, and how often they lost."""
    found, has_more = context.claimants.list_claimants(limit=query.limit, after=query.after)
    now = context.now()
    views = [
        view_from_claimant(each, context.claimants.record(each.tenant_id, now)) for each in found
    ]
    return ClaimantPage(data=views, has_more=has_more)


@router.post("/claimants/{tenant_id}/verify", summary="Verify a claimant")
def verify_claimant(tenant_id: TenantId, context: Context, caller: AdminCaller) -> ClaimantView:
    """After looking at the papers. It may file claims from now on, with a clean record."""
    return _claimant(context, tenant_id, ClaimantState.VERIFIED, caller.tenant_id)


@router.post("/claimants/{tenant_id}/suspend", summary="Suspend a claimant")
def suspend_claimant(tenant_id: TenantId, context: Context, caller: AdminCaller) -> ClaimantView:
    """It files no more claims; those that it filed stay as they are."""
    return _claimant(context, tenant_id, ClaimantState.SUSPENDED, caller.tenant_id)


@router.get("/claims", summary="List the claims")
def list_claims(
    context: Context, _caller: AdminCaller, query: Annotated[ClaimQuery, Query()]
) -> ClaimPage:
    """Everybody's, in the order of ids."""
    found, has_more = context.claims.list_claims(
        None, state=query.state, limit=query.limit, after=query.after
    )
    return ClaimPage(data=[view_from_claim(claim) for claim in found], has_more=has_more)


@router.get("/claims/{claim_id}/clips", summary="List the clips that a claim matches")
def list_claimed_clips(
    claim_id: ClaimId,
    context: Context,
    _caller: AdminCaller,
    query: Annotated[JobPageQuery, Query()],
) -> HoldPage:
    """Before and after it is verified."""
    context.claims.get(claim_id, None)
    found, has_more = context.holds.of_claim(claim_id, limit=query.limit, after=query.after)
    return HoldPage(data=[view_from_hold(hold) for hold in found], has_more=has_more)


@router.post(
    "/claims/{claim_id}/verify",
    summary="Verify a claim",
    openapi_extra=json_body(VerifyClaimBody.model_json_schema()),
)
async def verify_claim(
    claim_id: ClaimId, request: Request, context: Context, caller: AdminCaller
) -> ClaimView:
    """From now on a match is blocked, and released ones are taken down. `broad_claim`: it matches
    very many clips and needs a confirmation."""
    body = body_from_fields(VerifyClaimBody, await optional_fields_from_request(request))

    def verify() -> ClaimView:
        claim = context.claims.verify(
            claim_id, who=caller.tenant_id, confirm_clips=body.confirm_clips, now=context.now()
        )
        return view_from_claim(claim)

    view = await run_in_threadpool(verify)
    logger.info("claim verified", extra={"action": "claim_verified", "claim_id": claim_id})
    return view


@router.post(
    "/claims/{claim_id}/confirm",
    summary="Let a verified claim take down more clips",
    openapi_extra=json_body(VerifyClaimBody.model_json_schema()),
)
async def confirm_claim(
    claim_id: ClaimId, request: Request, context: Context, caller: AdminCaller
) -> ClaimView:
    """`confirm_clips` is how many it matches now."""
    body = body_from_fields(VerifyClaimBody, await fields_from_request(request))
    if body.confirm_clips is None:
        raise InvalidRequest("confirm_clips is required", param="confirm_clips")
    num_clips = body.confirm_clips

    def confirm() -> ClaimView:
        claim = context.claims.confirm(
            claim_id, who=caller.tenant_id, confirm_clips=num_clips, now=context.now()
        )
        return view_from_claim(claim)

    return await run_in_threadpool(confirm)


@router.post("/claims/{claim_id}/reject", summary="Reject a claim")
def reject_claim(claim_id: ClaimId, context: Context, caller: AdminCaller) -> ClaimView:
    """Verified or not; what it took down comes back, but for what was upheld."""
    claim = context.claims.end(
        claim_id, ClaimState.REJECTED, who=caller.tenant_id, tenant_id=None, now=context.now()
    )
    logger.info("claim rejected", extra={"action": "claim_rejected", "claim_id": claim_id})
    return view_from_claim(claim)


@router.post("/claims/{claim_id}/clips/{video_id}/{decision}", summary="Decide about one clip")
def decide(
    claim_id: ClaimId,
    video_id: VideoId,
    decision: Literal["uphold", "reinstate", "drop"],
    context: Context,
    caller: AdminCaller,
) -> HoldView:
    """Uphold or reinstate what was contested; drop a match that is none."""
    hold = context.holds.decide(
        claim_id, video_id, _DECISIONS[decision], who=caller.tenant_id, now=context.now()
    )
    logger.info("decided", extra={"action": f"clip_{hold.state}", "job_id": video_id})
    return view_from_hold(hold)


def _claimant(context: ApiContext, tenant_id: str, state: ClaimantState, who: str) -> ClaimantView:
    now = context.now()
    found = context.claimants.set_state(tenant_id, state, who=who, now=now)
    logger.info("claimant", extra={"action": f"claimant_{state}", "tenant_id": tenant_id})
    return view_from_claimant(found, context.claimants.record(tenant_id, now))
