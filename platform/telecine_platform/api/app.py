"""Puts the API together: routes, error answers, surroundings."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from importlib.metadata import version

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from telecine_platform.api import (
    models,
    openai_videos,
    reviews,
    rights_entities,
    rights_grants,
    rights_transfer,
    screenings,
)
from telecine_platform.api.context import ApiContext, utc_now
from telecine_platform.api.health import health_router
from telecine_platform.api.metrics import HttpMetrics
from telecine_platform.api.middleware import BodyLimit, Envelope
from telecine_platform.api.problems import install_problem_handlers
from telecine_platform.auth import load_api_keys
from telecine_platform.catalogue import card_from_name
from telecine_platform.jobs.store import JobStore
from telecine_platform.rights.screening import Screen
from telecine_platform.settings import Settings
from telecine_platform.storage.store import BlobStore


def create_app(
    settings: Settings,
    jobs: JobStore,
    blobs: BlobStore,
    now: Callable[[], datetime] = utc_now,
    screen: Screen | None = None,
) -> FastAPI:
    """The application. Reads the keys file and touches neither store, so it starts without them.

    Raises `SettingsError` for a broken keys file, `NotFound` for a model without a card.
    """
    context = ApiContext(
        settings=settings,
        jobs=jobs,
        blobs=blobs,
        keys=load_api_keys(settings.api_keys_file),
        card=card_from_name(settings.model),
        now=now,
        screen=screen,
    )
    app = FastAPI(
        title="Telecine",
        version=version("telecine"),
        description="Text-to-video behind rights safeguards: the OpenAI Videos API.",
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.context = context
    app.state.preview = screenings.Preview(context)
    registry = CollectorRegistry()
    for part in (
        openai_videos, models, rights_entities, rights_grants, rights_transfer, reviews,
        screenings,
    ):  # fmt: skip
        app.include_router(part.router)
    app.include_router(health_router(context, registry))
    install_problem_handlers(app)
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes)
    app.add_middleware(Envelope, metrics=HttpMetrics(registry))  # added last: outermost
    return app
