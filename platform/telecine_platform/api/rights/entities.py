"""`/v1/rights/entities`: the registry's entries, from the claim to its end."""

from __future__ import annotations

import logging
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from telecine_platform.access.callers import Caller
from telecine_platform.api.bodies import fields_from_request, optional_fields_from_request
from telecine_platform.api.context import AdminCaller, ApiContext, Context, RightsCaller
from telecine_platform.api.problems import RESPONSES
from telecine_platform.api.rights.wire import (
    EntityPage,
    EntityView,
    UsePage,
    VerifyBody,
    proposal_from_fields,
    view_from_entity,
    view_from_use,
)
from telecine_platform.api.shapes import ID_PATTERN, PageQuery, body_from_fields, json_body
from telecine_platform.errors import Forbidden
from telecine_platform.rights.entities import EntityFilter
from telecine_platform.rights.records import Change, RegisteredEntity
from telecine_safeguards.registry.entities import EntityKind, EntityStatus
from telecine_safeguards.registry.rows import EntityRow

logger = logging.getLogger(__name__)
router = APIRouter(prefix="/v1/rights/entities", tags=["rights"], responses=RESPONSES)

EntityId = Annotated[str, Path(pattern=ID_PATTERN)]


class EntityQuery(PageQuery):
    """Which entities to list."""

    kind: EntityKind | None = None
    status: EntityStatus | None = None
    name: Annotated[str, Field(max_length=200, pattern=r"^[^\x00]+$")] | None = Field(
        None, description="Part of the name."
    )
    mine: bool = Field(False, description="Only those that the caller's tenant owns.")


@router.get("", summary="List the entities")
def list_entities(
    context: Context, caller: RightsCaller, query: Annotated[EntityQuery, Query()]
) -> EntityPage:
    """One page of the whole registry, in the order of ids."""
    wanted = EntityFilter(
        kind=query.kind,
        status=query.status,
        name=query.name,
        owner_tenant_id=caller.tenant_id if query.mine else None,
    )
    found, has_more = context.rights.list_entities(wanted, limit=query.limit, after=query.after)
    return EntityPage(data=[view_from_entity(each) for each in found], has_more=has_more)


@router.get("/{entity_id}", summary="Look at an entity")
def get_entity(entity_id: EntityId, context: Context, _caller: RightsCaller) -> EntityView:
    """One entity."""
    return view_from_entity(context.rights.get_entity(entity_id))


@router.post(
    "", summary="Propose an entity", openapi_extra=json_body(EntityRow.model_json_schema())
)
async def propose(request: Request, context: Context, caller: RightsCaller) -> EntityView:
    """Claim an entity for the caller's tenant. Until it is verified, a hit asks a person."""
    entity, owner = proposal_from_fields(await fields_from_request(request))
    if owner not in (None, caller.tenant_id) and not caller.is_admin:
        raise Forbidden("owner_tenant_id: only an administrator proposes for another tenant")
    change = change_by(caller, context)
    found = await run_in_threadpool(
        context.rights.propose, entity, owner or caller.tenant_id, change
    )
    return _changed(found, "proposed", caller)


@router.post(
    "/{entity_id}/verify",
    summary="Verify a claim",
    openapi_extra=json_body(VerifyBody.model_json_schema()),
)
async def verify(
    entity_id: EntityId, request: Request, context: Context, caller: AdminCaller
) -> EntityView:
    """From now on a hit counts. Needs `admin`: nobody verifies a claim of their own."""
    fields = await optional_fields_from_request(request)
    body = body_from_fields(VerifyBody, fields)
    change = change_by(caller, context)
    found = await run_in_threadpool(
        context.rights.set_status, entity_id, EntityStatus.VERIFIED, change, body.owner_tenant_id
    )
    return _changed(found, "verified", caller)


@router.get("/{entity_id}/uses", summary="What an entity was used for")
def list_uses(
    entity_id: EntityId,
    context: Context,
    caller: RightsCaller,
    query: Annotated[PageQuery, Query()],
) -> UsePage:
    """Every job that was let through because of any grant for it, for its owner."""
    check_owner(context, caller, entity_id)
    found, has_more = context.rights.uses_of_entity(entity_id, limit=query.limit, after=query.after)
    return UsePage(data=[view_from_use(use) for use in found], has_more=has_more)


@router.post("/{entity_id}/dispute", summary="Dispute a claim")
def dispute(entity_id: EntityId, context: Context, caller: RightsCaller) -> EntityView:
    """From now on a hit asks a person, until the claim is verified again or withdrawn."""
    return _move(entity_id, EntityStatus.DISPUTED, context, caller)


@router.post("/{entity_id}/withdraw", summary="Withdraw an entity")
def withdraw(entity_id: EntityId, context: Context, caller: RightsCaller) -> EntityView:
    """From now on it is no longer protected."""
    return _move(entity_id, EntityStatus.WITHDRAWN, context, caller)


def check_owner(context: ApiContext, caller: Caller, entity_id: str) -> None:
    """Raise `Forbidden` unless the entity is the caller's, or the caller an administrator."""
    owner = context.rights.get_entity(entity_id).owner_tenant_id
    if owner != caller.tenant_id and not caller.is_admin:
        raise Forbidden(
            f"entity {entity_id} is not yours: its owner or an administrator has to do this"
        )


def change_by(caller: Caller, context: ApiContext) -> Change:
    return Change(who=caller.tenant_id, at=context.now())


def _move(entity_id: str, status: EntityStatus, context: ApiContext, caller: Caller) -> EntityView:
    check_owner(context, caller, entity_id)
    found = context.rights.set_status(entity_id, status, change_by(caller, context))
    return _changed(found, status, caller)


def _changed(found: RegisteredEntity, what: str, caller: Caller) -> EntityView:
    logger.info(
        "entity changed",
        extra={"action": f"entity_{what}", "entity_id": found.entity.id, "who": caller.tenant_id},
    )
    return view_from_entity(found)
