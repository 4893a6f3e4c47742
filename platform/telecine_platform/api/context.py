"""What every route needs, made once by `create_app` and handed out by FastAPI's dependencies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer

from telecine_platform.auth import ApiKeys, Caller, Scope
from telecine_platform.catalogue import ModelCard
from telecine_platform.jobs.held import HeldJobs
from telecine_platform.jobs.store import JobStore
from telecine_platform.rights.screening import Screen
from telecine_platform.rights.store import RightsStore
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
    screen: Screen | None = None
    """Answers `/v1/screenings`; None: this process screens by spelling only."""

    @property
    def rights(self) -> RightsStore:
        """The registry, in the jobs' database."""
        return RightsStore(self.jobs.database)

    @property
    def held(self) -> HeldJobs:
        """The review queue, in the jobs' database."""
        return HeldJobs(self.jobs.database)


async def _context(request: Request) -> ApiContext:
    context = request.app.state.context
    assert isinstance(context, ApiContext)  # app.state is untyped; `create_app` put it there
    return context


Context = Annotated[ApiContext, Depends(_context)]


# Only describes the header in /openapi.json: `ApiKeys` reads it, and says what is wrong with it.
_BEARER = HTTPBearer(auto_error=False, description="Needed where the installation has API keys.")


async def _caller(
    request: Request, context: Context, _described: Annotated[object, Security(_BEARER)]
) -> Caller:
    return context.keys.caller_from_header(request.headers.get("authorization"))


def _with_scope(scope: Scope) -> Callable[[Caller], Awaitable[Caller]]:
    async def check(caller: Annotated[Caller, Depends(_caller)]) -> Caller:
        caller.check(scope)
        return caller

    return check


def _tenant_with_scope(scope: Scope) -> Callable[[Caller], Awaitable[str]]:
    async def check(caller: Annotated[Caller, Depends(_caller)]) -> str:
        caller.check(scope)
        return caller.tenant_id

    return check


# Asking for one of these makes a route private: the caller must show a key with that scope.
Submitter = Annotated[str, Depends(_tenant_with_scope(Scope.SUBMIT))]
"""The tenant of a key that may make and delete videos."""
Reader = Annotated[str, Depends(_tenant_with_scope(Scope.READ))]
"""The tenant of a key that may look at its own videos."""
RightsCaller = Annotated[Caller, Depends(_with_scope(Scope.RIGHTS))]
ReviewCaller = Annotated[Caller, Depends(_with_scope(Scope.REVIEW))]
AdminCaller = Annotated[Caller, Depends(_with_scope(Scope.ADMIN))]
