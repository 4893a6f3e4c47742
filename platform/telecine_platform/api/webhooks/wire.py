"""Webhook bodies: OpenAI's endpoint objects, and our deliveries."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from telecine_platform.api.shapes import Body, Page, optional_unix_s
from telecine_platform.webhooks.records import Delivery, DeliveryState, Endpoint, EventType

_Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
_Url = Annotated[str, Field(min_length=1, max_length=2_048, pattern=r"^[^\x00]*$")]
_EventTypes = Annotated[list[EventType], Field(min_length=1, max_length=len(EventType))]


class CreateEndpointBody(Body):
    """Where to send which events."""

    name: _Name
    url: _Url = Field(description="https, and leading to a public address.")
    event_types: _EventTypes


class UpdateEndpointBody(Body):
    """What to change; the rest stays."""

    name: _Name | None = None
    url: _Url | None = None
    event_types: _EventTypes | None = None


class RotateBody(Body):
    """What becomes of the secret so far."""

    keep_old_secret_active_for_24_hours: bool = Field(
        False, description="Events are then signed with both, until its day is over."
    )


class SampleBody(Body):
    """Which event to make up."""

    event_type: EventType


class EndpointView(BaseModel):
    """OpenAI's webhook endpoint. The secret is not in it."""

    id: str
    object: Literal["webhook_endpoint"] = "webhook_endpoint"
    name: str
    url: str
    event_types: list[EventType]
    created_at: int
    updated_at: int
    disabled_at: int | None = Field(
        description="When it answered 410 Gone; nothing is sent until it is updated."
    )


class EndpointWithSecret(EndpointView):
    """The same, with the secret that nobody can ask for again."""

    signing_secret: str


class EndpointPage(Page):
    data: list[EndpointView]


class DeletedEndpoint(BaseModel):
    """The receipt of a deletion."""

    id: str
    object: Literal["webhook_endpoint.deleted"] = "webhook_endpoint.deleted"
    deleted: bool = True


class SampleResult(BaseModel):
    """How the endpoint answered to a made-up event."""

    object: Literal["webhook_endpoint.test"] = "webhook_endpoint.test"
    webhook_endpoint_id: str
    event_type: EventType
    success: Literal[True] = True
    status_code: int


class DeliveryView(BaseModel):
    """One event on its way to one receiver."""

    id: str = Field(description="The `webhook-id` of every attempt.")
    object: Literal["webhook_delivery"] = "webhook_delivery"
    webhook_endpoint_id: str | None = Field(description="Null: the task's callback URL.")
    event_type: str
    video_id: str
    status: DeliveryState
    attempts: int
    created_at: int
    next_attempt_at: int | None
    ended_at: int | None
    status_code: int | None
    problem: str | None


class DeliveryPage(Page):
    data: list[DeliveryView]


def view_from_endpoint(endpoint: Endpoint) -> EndpointView:
    return EndpointView(
        id=endpoint.id,
        name=endpoint.name,
        url=endpoint.url,
        event_types=list(endpoint.event_types),
        created_at=int(endpoint.created_at.timestamp()),
        updated_at=int(endpoint.updated_at.timestamp()),
        disabled_at=optional_unix_s(endpoint.disabled_at),
    )


def view_with_secret(endpoint: Endpoint, secret: str) -> EndpointWithSecret:
    return EndpointWithSecret(**dict(view_from_endpoint(endpoint)), signing_secret=secret)


def view_from_delivery(delivery: Delivery) -> DeliveryView:
    is_pending = delivery.state is DeliveryState.PENDING
    return DeliveryView(
        id=delivery.id,
        webhook_endpoint_id=delivery.endpoint_id,
        event_type=delivery.event_type,
        video_id=delivery.job_id,
        status=delivery.state,
        attempts=delivery.attempt,
        created_at=int(delivery.created_at.timestamp()),
        next_attempt_at=int(delivery.due_at.timestamp()) if is_pending else None,
        ended_at=optional_unix_s(delivery.ended_at),
        status_code=delivery.status_code,
        problem=delivery.problem,
    )
