"""Endpoints and deliveries as records."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class EventType(StrEnum):
    """What a tenant can be told of, in OpenAI's words."""

    VIDEO_COMPLETED = "video.completed"
    VIDEO_FAILED = "video.failed"
    """It failed, was blocked or cancelled: the video's `error` says why."""
    VIDEO_WITHDRAWN = "video.withdrawn"
    """It was taken down. Once it is up again it is `video.completed` again."""


class DeliveryState(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"
    """Given up after the last attempt; it can be replayed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a tenant wants its events. The secret stays sealed in the store."""

    id: str
    tenant_id: str
    name: str
    url: str = field(repr=False)
    event_types: tuple[EventType, ...]
    created_at: datetime
    updated_at: datetime
    disabled_at: datetime | None
    """Set when it answered 410 Gone; an update turns it on again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event on its way to one receiver. Its id is the `webhook-id` of every attempt."""

    id: str
    tenant_id: str
    endpoint_id: str | None
    """None: it goes to the callback URL that the job's request named."""
    event_type: str
    job_id: str
    state: DeliveryState
    attempt: int
    """How often it was sent, or is being sent."""
    due_at: datetime
    created_at: datetime
    ended_at: datetime | None
    status_code: int | None
    """Of the last answer; None when there was none."""
    problem: str | None
    """Why the last attempt did not count."""
