"""What every route needs, made once by `create_app` and handed out by FastAPI's dependencies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer
from starlette.concurrency import run_in_threadpool

from telecine_platform.access.authenticate import Authenticator
from telecine_platform.access.callers import Caller, Scope
from telecine_platform.api.polls import Polls
from telecine_platform.api.watch import JobWatch
from telecine_platform.catalogue import ModelCard
from telecine_platform.errors import InvalidRequest
from telecine_platform.fetch.fetcher import Fetcher
from telecine_platform.halts.store import HaltStore
from telecine_platform.jobs.held import HeldJobs
from telecine_platform.jobs.store import JobStore
from telecine_platform.ledger.store import Ledger
from telecine_platform.rights.store import RightsStore
from telecine_platform.scheduling.desk import Desk
from telecine_platform.settings import Settings
from telecine_platform.storage.store import BlobStore
from telecine_platform.takedowns.claimants import Claimants
from telecine_platform.takedowns.claims import Claims
from telecine_platform.takedowns.holds import Holds
from telecine_platform.webhooks.deliveries import Deliveries
from telecine_platform.webhooks.endpoints import Endpoints
from telecine_platform.webhooks.vault import open_vault


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiContext:
    """The application's settings, stores and clock."""

    settings: Settings
    jobs: JobStore
    blobs: BlobStore
    authenticator: Authenticator
    cards: Mapping[str, ModelCard]
    """Of the models that are served; the first one is made where a request names none."""
    now: Callable[[], datetime]
    fetcher: Fetcher
    """Reaches URLs that callers gave us."""
    desk: Desk
    """Prices and admits requests, and says when jobs will be done."""
    polls: Polls
    """Reads jobs for all who ask at the same moment."""
    watch: JobWatch
    """Wakes the requests that wait for a job to move."""

    def card_for(self, model: str | None) -> ModelCard:
        """The card of the model that a request names. Raises `InvalidRequest` for one that is not
        served.
        """
        name = next(iter(self.cards)) if model is None else model
        if name not in self.cards:
            raise InvalidRequest(
                f"model {name[:100]!r} is not served here; served: {', '.join(self.cards)}",
                param="model",
                code="model_not_found",
            )
        return self.cards[name]

    @property
    def rights(self) -> RightsStore:
        """The registry, in the jobs' database."""
        return RightsStore(self.jobs.database)

    @property
    def ledger(self) -> Ledger:
        """What was sealed for good, in the jobs' database."""
        return Ledger(self.jobs.database)

    @property
    def claimants(self) -> Claimants:
        """Who may claim, in the jobs' database."""
        return Claimants(self.jobs.database)

    @property
    def claims(self) -> Claims:
        """Takedown claims, in the jobs' database."""
        return Claims(self.jobs.database)

    @property
    def holds(self) -> Holds:
        """What claims do to clips, in the jobs' database."""
        return Holds(self.jobs.database, self.settings)

    @property
    def halts(self) -> HaltStore:
        """What the operator has stopped, in the jobs' database."""
        return HaltStore(self.jobs.database)

    @property
    def webhook_endpoints(self) -> Endpoints:
        """Where tenants want their events, in the jobs' database."""
        return Endpoints(self.jobs.database, partial(open_vault, self.settings))

    @property
    def webhook_deliveries(self) -> Deliveries:
        """The webhooks' outbox, in the jobs' database."""
        return Deliveries(self.jobs.database)

    @property
    def held(self) -> HeldJobs:
        """The review queue, in the jobs' database."""
        return HeldJobs(self.jobs.database)


def context_of(request: Request) -> ApiContext:
    """What `create_app` made for the application that got the request."""
    context = request.app.state.context
    assert isinstance(context, ApiContext)  # app.state is untyped; `create_app` put it there
    return context


async def _context(request: Request) -> ApiContext:
    return context_of(request)  # async: FastAPI would run a plain function on a thread


Context = Annotated[ApiContext, Depends(_context)]


# Only describes the header in /openapi.json: the authenticator reads it and says what is wrong.
_BEARER = HTTPBearer(auto_error=False, description="Needed where the installation has API keys.")


async def caller_with_scope(request: Request, scope: Scope) -> Caller:
    """Who asks. Raises `Unauthenticated`, `SignerUnavailable`, or `Forbidden` by its scopes."""
    context = context_of(request)
    header, find = request.headers.get("authorization"), context.authenticator.caller_from_header
    if context.authenticator.may_block(header):
        caller = await run_in_threadpool(find, header, context.now())
    else:
        caller = find(header, context.now())
    caller.check(scope)
    return caller


# Each dependency costs a request about 0.05 ms of CPU, so these two do not rest on others.
def _with_scope(scope: Scope) -> Callable[[Request, object], Awaitable[Caller]]:
    async def check(request: Request, _described: Annotated[object, Security(_BEARER)]) -> Caller:
        return await caller_with_scope(request, scope)

    return check


def _tenant_with_scope(scope: Scope) -> Callable[[Request, object], Awaitable[str]]:
    async def check(request: Request, _described: Annotated[object, Security(_BEARER)]) -> str:
        return (await caller_with_scope(request, scope)).tenant_id

    return check


# Asking for one of these makes a route private: the caller must show a key with that scope.
Submitter = Annotated[str, Depends(_tenant_with_scope(Scope.SUBMIT))]
"""The tenant of a key that may make and delete videos."""
ReadingCaller = Annotated[Caller, Depends(_with_scope(Scope.READ))]
"""Whoever may look at videos, with all that the key opens."""
Reader = Annotated[str, Depends(_tenant_with_scope(Scope.READ))]
"""The tenant of a key that may look at its own videos."""
RightsCaller = Annotated[Caller, Depends(_with_scope(Scope.RIGHTS))]
ReviewCaller = Annotated[Caller, Depends(_with_scope(Scope.REVIEW))]
AdminCaller = Annotated[Caller, Depends(_with_scope(Scope.ADMIN))]
