"""What every route needs, made once by `create_app` and handed out by FastAPI's dependencies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer

from telecine_platform.auth import ApiKeys
from telecine_platform.catalogue import ModelCard
from telecine_platform.jobs.store import JobStore
from telecine_platform.settings import Settings
from telecine_platform.storage.store import BlobStore


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiContext:
    """The application's settings, stores and clock."""

    settings: Settings
    jobs: JobStore
    blobs: BlobStore
    keys: ApiKeys
    card: ModelCard
    """The one model that is served."""
    now: Callable[[], datetime]


async def _context(request: Request) -> ApiContext:
    context = request.app.state.context
    assert isinstance(context, ApiContext)  # app.state is untyped; `create_app` put it there
    return context


Context = Annotated[ApiContext, Depends(_context)]


# Only describes the header in /openapi.json: `ApiKeys` reads it, and says what is wrong with it.
_BEARER = HTTPBearer(auto_error=False, description="Needed where the installation has API keys.")


async def _tenant_id(
    request: Request, context: Context, _described: Annotated[object, Security(_BEARER)]
) -> str:
    return context.keys.tenant_from_header(request.headers.get("authorization"))


TenantId = Annotated[str, Depends(_tenant_id)]
"""Asking for it makes a route private: the caller must show a key."""
