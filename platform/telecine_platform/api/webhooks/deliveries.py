"""`/v1/webhook_deliveries`: what was sent, what was given up, and sending it again."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import Field

from telecine_platform.api.context import Context, Reader, Submitter
from telecine_platform.api.problems import RESPONSES
from telecine_platform.api.shapes import ID_PATTERN, PageQuery
from telecine_platform.api.webhooks.wire import DeliveryPage, DeliveryView, view_from_delivery
from telecine_platform.webhooks.records import DeliveryState

router = APIRouter(prefix="/v1/webhook_deliveries", tags=["webhooks"], responses=RESPONSES)

DeliveryId = Annotated[str, Path(pattern=ID_PATTERN)]


class DeliveryQuery(PageQuery):
    """Which deliveries to list."""

    status: DeliveryState | None = None
    webhook_endpoint_id: Annotated[str, Field(pattern=ID_PATTERN)] | None = None


@router.get("", summary="List the deliveries")
def list_deliveries(
    context: Context, tenant_id: Reader, query: Annotated[DeliveryQuery, Query()]
) -> DeliveryPage:
    """One page of what the caller was told, or shall be, newest first."""
    found, has_more = context.webhook_deliveries.list_deliveries(
        tenant_id,
        limit=query.limit,
        after=query.after,
        state=query.status,
        endpoint_id=query.webhook_endpoint_id,
    )
    return DeliveryPage(data=[view_from_delivery(each) for each in found], has_more=has_more)


@router.get("/{delivery_id}", summary="Look at a delivery")
def get_delivery(delivery_id: DeliveryId, context: Context, tenant_id: Reader) -> DeliveryView:
    """Where it stands, and what its receiver answered last."""
    return view_from_delivery(context.webhook_deliveries.get(delivery_id, tenant_id))


@router.post("/{delivery_id}/replay", summary="Send a delivery again")
def replay_delivery(
    delivery_id: DeliveryId, context: Context, tenant_id: Submitter
) -> DeliveryView:
    """The same event under the same `webhook-id`, from the first attempt on. 409 while pending."""
    return view_from_delivery(
        context.webhook_deliveries.replay(delivery_id, tenant_id, context.now())
    )
