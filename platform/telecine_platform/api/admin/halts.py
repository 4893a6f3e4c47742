"""`/v1/admin/halts`: stop a model, a tenant or a region at once, and let it go on."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from telecine_platform.api.bodies import fields_from_request
from telecine_platform.api.context import AdminCaller, Context
from telecine_platform.api.problems import RESPONSES
from telecine_platform.api.shapes import (
    ID_PATTERN,
    Body,
    Page,
    PageQuery,
    body_from_fields,
    json_body,
    optional_unix_s,
)
from telecine_platform.halts.records import Halt, HaltKind, HaltMode

router = APIRouter(prefix="/v1/admin/halts", tags=["admin"], responses=RESPONSES)

HaltId = Annotated[str, Path(pattern=ID_PATTERN)]


class HaltBody(Body):
    """What to stop, and why."""

    kind: HaltKind
    value: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")] = Field(
        description="The model's, tenant's or region's name."
    )
    mode: HaltMode = Field(
        HaltMode.WAIT,
        description="`wait`: queued and new videos wait for the lift; `fail`: queued ones are "
        "cancelled, new ones refused. Running ones are cancelled either way.",
    )
    reason: Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\x00]*$")] = Field(
        description="Callers whose videos it stops read it."
    )


class HaltView(BaseModel):
    """A halt as it stands."""

    id: str
    object: Literal["halt"] = "halt"
    kind: HaltKind
    value: str
    mode: HaltMode
    reason: str
    who: str
    created_at: int
    lifted_at: int | None
    lifted_by: str | None


class HaltPage(Page):
    data: list[HaltView]


@router.post(
    "",
    summary="Halt a model, tenant or region",
    openapi_extra=json_body(HaltBody.model_json_schema()),
)
async def order_halt(request: Request, context: Context, caller: AdminCaller) -> HaltView:
    """In force when this answers: nothing of it is claimed or released any more."""
    body = body_from_fields(HaltBody, await fields_from_request(request))

    def order() -> Halt:
        return context.halts.order(
            body.kind,
            body.value,
            mode=body.mode,
            reason=body.reason,
            who=caller.tenant_id,
            now=context.now(),
        )

    return view_from_halt(await run_in_threadpool(order))


@router.get("", summary="List the halts")
def list_halts(
    context: Context, _caller: AdminCaller, query: Annotated[PageQuery, Query()]
) -> HaltPage:
    """One page of all halts, lifted ones too."""
    found, has_more = context.halts.list_halts(limit=query.limit, after=query.after)
    return HaltPage(data=[view_from_halt(halt) for halt in found], has_more=has_more)


@router.post("/{halt_id}/lift", summary="Lift a halt")
def lift_halt(halt_id: HaltId, context: Context, caller: AdminCaller) -> HaltView:
    """What waited because of it goes on. Lifting twice changes nothing."""
    return view_from_halt(context.halts.lift(halt_id, who=caller.tenant_id, now=context.now()))


def view_from_halt(halt: Halt) -> HaltView:
    return HaltView(
        id=halt.id,
        kind=halt.kind,
        value=halt.value,
        mode=halt.mode,
        reason=halt.reason,
        who=halt.who,
        created_at=int(halt.created_at.timestamp()),
        lifted_at=optional_unix_s(halt.lifted_at),
        lifted_by=halt.lifted_by,
    )
