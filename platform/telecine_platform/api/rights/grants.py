"""`/v1/rights/grants`: who may use what; what each grant was used for."""

from __future__ import annotations

import logging
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from telecine_platform.access.callers import Caller
from telecine_platform.api.bodies import fields_from_request
from telecine_platform.api.context import ApiContext, Context, RightsCaller
from telecine_platform.api.problems import RESPONSES
from telecine_platform.api.rights.entities import change_by, check_owner
from telecine_platform.api.rights.wire import (
    GrantBody,
    GrantPage,
    GrantView,
    UsePage,
    grant_from_body,
    view_from_grant,
    view_from_use,
)
from telecine_platform.api.shapes import ID_PATTERN, PageQuery, body_from_fields, json_body
from telecine_platform.errors import Forbidden, NotFound
from telecine_safeguards.registry.entities import Grant

logger = logging.getLogger(__name__)
router = APIRouter(prefix="/v1/rights/grants", tags=["rights"], responses=RESPONSES)

GrantId = Annotated[str, Path(pattern=ID_PATTERN)]


class GrantQuery(PageQuery):
    """Which grants to list."""

    entity_id: Annotated[str, Field(pattern=ID_PATTERN)] | None = None


@router.get("", summary="List the grants")
def list_grants(
    context: Context, caller: RightsCaller, query: Annotated[GrantQuery, Query()]
) -> GrantPage:
    """Those that the caller's tenant gave or holds; an administrator sees all."""
    found, has_more = context.rights.list_grants(
        entity_id=query.entity_id,
        visible_to=None if caller.is_admin else caller.tenant_id,
        limit=query.limit,
        after=query.after,
    )
    return GrantPage(data=[view_from_grant(grant) for grant in found], has_more=has_more)


@router.post("", summary="Grant a use", openapi_extra=json_body(GrantBody.model_json_schema()))
async def create_grant(request: Request, context: Context, caller: RightsCaller) -> GrantView:
    """Let a tenant use an entity that the caller owns."""
    body = body_from_fields(GrantBody, await fields_from_request(request))
    grant = await run_in_threadpool(_create, body, context, caller)
    logger.info(
        "granted", extra={"action": "granted", "grant_id": grant.id, "who": caller.tenant_id}
    )
    return view_from_grant(grant)


@router.post("/{grant_id}/revoke", summary="Revoke a grant")
def revoke_grant(grant_id: GrantId, context: Context, caller: RightsCaller) -> GrantView:
    """It ends now, for jobs that wait in a queue too. Revoking twice changes nothing."""
    _check_giver(grant_id, context, caller)
    grant = context.rights.revoke(grant_id, change_by(caller, context))
    logger.info(
        "revoked", extra={"action": "revoked", "grant_id": grant.id, "who": caller.tenant_id}
    )
    return view_from_grant(grant)


@router.get("/{grant_id}/uses", summary="What a grant was used for")
def list_uses(
    grant_id: GrantId,
    context: Context,
    caller: RightsCaller,
    query: Annotated[PageQuery, Query()],
) -> UsePage:
    """Every job that was let through because of it, for the entity's owner."""
    _check_giver(grant_id, context, caller)
    found, has_more = context.rights.uses(grant_id, limit=query.limit, after=query.after)
    return UsePage(data=[view_from_use(use) for use in found], has_more=has_more)


def _create(body: GrantBody, context: ApiContext, caller: Caller) -> Grant:
    grant = grant_from_body(body, context.now())
    check_owner(context, caller, grant.entity_id)
    return context.rights.grant(grant, change_by(caller, context))


def _check_giver(grant_id: str, context: ApiContext, caller: Caller) -> None:
    """A stranger's grant looks like none; the one who holds it may know it, and no more."""
    grant = context.rights.get_grant(grant_id)
    try:
        check_owner(context, caller, grant.entity_id)
    except Forbidden:
        if grant.tenant_id == caller.tenant_id:
            raise
        raise NotFound(f"no grant {grant_id!r} in the registry") from None
