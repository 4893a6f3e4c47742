"""`/v1/rights/statements`: what a rights holder's grants earned; `…/shares`: who shares in it."""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from telecine_platform.access.callers import Caller
from telecine_platform.api.bodies import fields_from_request
from telecine_platform.api.context import ApiContext, Context, RightsCaller
from telecine_platform.api.problems import RESPONSES
from telecine_platform.api.rights.entities import change_by, check_owner
from telecine_platform.api.rights.wire import TenantName
from telecine_platform.api.shapes import ID_PATTERN, Body, body_from_fields, json_body
from telecine_platform.errors import Forbidden
from telecine_platform.rights.shares import MAX_HOLDERS, MAX_PARTS
from telecine_platform.rights.statements import (
    PERIOD_PATTERN,
    Statement,
    csv_from_statement,
    statement_of,
)
from telecine_safeguards.ledger.money import price_from_minor

logger = logging.getLogger(__name__)
router = APIRouter(prefix="/v1/rights", tags=["rights"], responses=RESPONSES)

EntityId = Annotated[str, Path(pattern=ID_PATTERN)]


class StatementQuery(BaseModel):
    """Whose statement, for when."""

    model_config = ConfigDict(extra="forbid")

    period: Annotated[str, Field(pattern=PERIOD_PATTERN)] = Field(description="A month, `2026-11`.")
    holder: TenantName | None = Field(
        None, description="A tenant; default: the caller's. Another one's needs `admin`."
    )


class LineView(BaseModel):
    """The uses of one grant at one price. Amounts are integers in the currency's minor unit."""

    grant_id: str
    entity_id: str
    tenant_id: str = Field(description="Who used it.")
    num_uses: int = Field(description="Released clips.")
    price_minor: int
    currency: str
    total_minor: int
    parts: int = Field(description="The holder's, out of `all_parts`.")
    all_parts: int
    amount_minor: int


class TotalView(BaseModel):
    """What the holder gets in one currency."""

    currency: str
    amount_minor: int
    amount: str


class StatementView(BaseModel):
    """One holder's month."""

    object: Literal["rights.statement"] = "rights.statement"
    holder: str
    period: str
    is_final: bool = Field(description="The month is over: this will not change any more.")
    ledger_number: int | None = Field(description="The ledger's last row when this was summed.")
    ledger_hash: str | None
    lines: list[LineView]
    totals: list[TotalView]


class SharesBody(Body):
    """Who shares in an entity's revenue from now on."""

    shares: dict[TenantName, Annotated[int, Field(ge=1, le=MAX_PARTS, strict=True)]] = Field(
        description="Tenant -> parts; empty: all of it is the owner's.",
        max_length=MAX_HOLDERS,
    )


class SharesView(BaseModel):
    """Who shares in it now."""

    entity_id: str
    object: Literal["rights.shares"] = "rights.shares"
    shares: dict[str, int]


@router.get("/statements", summary="What a holder's grants earned in a month")
def get_statement(
    context: Context, caller: RightsCaller, query: Annotated[StatementQuery, Query()]
) -> StatementView:
    """Summed over the ledger: each released clip that needed one of the holder's grants."""
    return view_from_statement(_statement(context, caller, query))


@router.get(
    "/statements.csv",
    summary="The same as CSV",
    response_class=Response,
    responses={200: {"description": "One row for each line.", "content": {"text/csv": {}}}},
)
def get_statement_csv(
    context: Context, caller: RightsCaller, query: Annotated[StatementQuery, Query()]
) -> Response:
    """The statement's lines."""
    text = csv_from_statement(_statement(context, caller, query))
    return Response(text, media_type="text/csv")


@router.get("/entities/{entity_id}/shares", summary="Who shares in an entity's revenue")
def get_shares(entity_id: EntityId, context: Context, caller: RightsCaller) -> SharesView:
    """For its owner."""
    check_owner(context, caller, entity_id)
    return SharesView(entity_id=entity_id, shares=context.rights.shares(entity_id))


@router.put(
    "/entities/{entity_id}/shares",
    summary="Share an entity's revenue",
    openapi_extra=json_body(SharesBody.model_json_schema()),
)
async def set_shares(
    entity_id: EntityId, request: Request, context: Context, caller: RightsCaller
) -> SharesView:
    """By the owner. Counts for uses from now on; what was used before is paid as it was."""
    body = body_from_fields(SharesBody, await fields_from_request(request))

    def share() -> dict[str, int]:
        check_owner(context, caller, entity_id)
        return context.rights.set_shares(entity_id, body.shares, change_by(caller, context))

    shares = await run_in_threadpool(share)
    logger.info(
        "shared", extra={"action": "shared", "entity_id": entity_id, "who": caller.tenant_id}
    )
    return SharesView(entity_id=entity_id, shares=shares)


def view_from_statement(statement: Statement) -> StatementView:
    head = statement.head
    return StatementView(
        holder=statement.holder,
        period=statement.period,
        is_final=statement.is_final,
        ledger_number=None if head is None else head.number,
        ledger_hash=None if head is None else head.hash,
        lines=[LineView(**asdict(line)) for line in statement.lines],
        totals=[
            TotalView(
                currency=currency,
                amount_minor=amount_minor,
                amount=price_from_minor(amount_minor, currency),
            )
            for currency, amount_minor in statement.totals_minor.items()
        ],
    )


def _statement(context: ApiContext, caller: Caller, query: StatementQuery) -> Statement:
    holder = query.holder or caller.tenant_id
    if holder != caller.tenant_id and not caller.is_admin:
        raise Forbidden("holder: only an administrator sees another tenant's statement")
    return statement_of(context.ledger, holder, query.period, context.now())
