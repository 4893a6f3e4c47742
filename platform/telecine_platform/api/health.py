"""`/healthz`, `/readyz` and `/metrics`, for the machinery around us: no key, no secrets.

Answers that need the database are remembered for a moment and looked up by one request at a time,
so that asking often costs nothing and a slow dependency does not use up the threads.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.concurrency import run_in_threadpool

from telecine_platform.api.context import ApiContext
from telecine_platform.api.metrics import JobCollector, read_job_figures
from telecine_platform.api.problems import not_ready
from telecine_platform.errors import StorageUnavailable, StoreUnavailable
from telecine_platform.records import Stage

CACHE_S = 1.0
T = TypeVar("T")


def health_router(context: ApiContext, registry: CollectorRegistry) -> APIRouter:
    """The three routes, with the caches that they share between requests."""
    router = APIRouter(tags=["operations"])
    collector = JobCollector()
    registry.register(collector)
    checks = Remembered(lambda: check_dependencies(context), context.now)
    notices = Remembered(lambda: operator_notices(context), context.now)
    models = tuple(context.cards)
    figures = Remembered(lambda: read_job_figures(context.jobs, context.now(), models), context.now)

    @router.get("/healthz", summary="Is the process alive?")
    async def healthz() -> dict[str, str]:
        return {"status": "alive"}

    @router.get(
        "/readyz",
        summary="Can requests be served?",
        responses={503: {"description": "`checks` names what is down."}},
    )
    async def readyz() -> JSONResponse:
        found = await checks.get()
        if set(found.values()) == {"ok"}:
            return JSONResponse(
                {"status": "ready", "checks": found, "notices": await notices.get()}
            )
        return not_ready(found)

    @router.get(
        "/metrics",
        summary="Figures for Prometheus",
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}}},
    )
    async def metrics() -> Response:
        collector.figures = await figures.get()
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return router


def check_dependencies(context: ApiContext) -> dict[str, str]:
    """`ok` or `down` for the database and the storage. Blocks."""
    found = {"database": "ok", "storage": "ok"}
    try:
        context.jobs.backlog(Stage.SCREENING, context.now())
    except StoreUnavailable:
        found["database"] = "down"
    try:
        context.blobs.check()
    except StorageUnavailable:
        found["storage"] = "down"
    return found


def operator_notices(context: ApiContext) -> list[str]:
    """What does not stop requests, but an operator should see: halts, a broken keys file. Blocks.

    Anybody can read it, so it names no tenant and no reason.
    """
    keys = context.authenticator.keys
    found = [] if keys is None or keys.problem is None else ["the keys file is broken: old keys"]
    try:
        kinds = Counter(halt.kind for halt in context.halts.in_force())
    except StoreUnavailable:
        return found
    return found + [f"halts of a {kind} in force: {num}" for kind, num in sorted(kinds.items())]


class Remembered(Generic[T]):
    """A blocking look-up whose result holds for `CACHE_S`."""

    def __init__(self, look_up: Callable[[], T], now: Callable[[], datetime]) -> None:
        self._look_up = look_up
        self._now = now
        self._lock = asyncio.Lock()
        self._result: tuple[datetime, T] | None = None

    async def get(self) -> T:
        async with self._lock:
            if self._result is None or self._result[0] <= self._now():
                found = await run_in_threadpool(self._look_up)
                self._result = (self._now() + timedelta(seconds=CACHE_S), found)
            return self._result[1]
