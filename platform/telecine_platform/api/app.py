"""Puts the API together: routes, error answers, surroundings."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from importlib.metadata import version

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from telecine_platform.access.authenticate import authenticator_from_settings
from telecine_platform.api import models, provenance, screenings
from telecine_platform.api.admin import halts, quarantine
from telecine_platform.api.admin import takedowns as takedown_admin
from telecine_platform.api.ark import routes as tasks
from telecine_platform.api.context import ApiContext, utc_now
from telecine_platform.api.health import health_router
from telecine_platform.api.metrics import HttpMetrics
from telecine_platform.api.middleware import BodyLimit, Envelope
from telecine_platform.api.polls import Polls
from telecine_platform.api.problems import install_problem_handlers
from telecine_platform.api.reviews import evidence
from telecine_platform.api.reviews import routes as reviews
from telecine_platform.api.rights import entities, grants, statements, transfer
from telecine_platform.api.takedowns import claims, withdrawals
from telecine_platform.api.takedowns.pages import routes as takedown_pages
from telecine_platform.api.videos import download, events, refused
from telecine_platform.api.videos import routes as videos
from telecine_platform.api.watch import JobWatch
from telecine_platform.api.webhooks import deliveries, endpoints
from telecine_platform.fetch.fetcher import Fetcher
from telecine_platform.fetch.rules import rules_from_text
from telecine_platform.jobs.glimpse import read_glimpses
from telecine_platform.jobs.store import JobStore
from telecine_platform.scheduling.desk import Desk
from telecine_platform.scheduling.pools import pools_from_settings
from telecine_platform.scheduling.tenants import load_tenants
from telecine_platform.settings import Settings
from telecine_platform.storage.store import BlobStore


def create_app(
    settings: Settings,
    jobs: JobStore,
    blobs: BlobStore,
    now: Callable[[], datetime] = utc_now,
) -> FastAPI:
    """The application. Reads the keys file and touches neither store, so it starts without them.

    Raises `SettingsError` for a broken keys file or `more_models`, `NotFound` for a model without a
    card.
    """
    pools = pools_from_settings(settings)
    tenants = load_tenants(settings.tenants_file)
    context = ApiContext(
        settings=settings,
        jobs=jobs,
        blobs=blobs,
        authenticator=authenticator_from_settings(settings),
        cards={name: pool.card for name, pool in pools.items()},
        fetcher=Fetcher(rules_from_text(settings.fetch_allowed)),
        desk=Desk(settings, jobs.database, pools, tenants),
        now=now,
        polls=Polls(jobs.get_many),
        watch=JobWatch(partial(read_glimpses, jobs.database)),
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
    app.state.name_screen = screenings.NameScreen(context)
    app.state.lookup_desk = provenance.LookupDesk(context)
    registry = CollectorRegistry()
    for part in (
        refused, videos, download, events, tasks, models, entities, grants, statements, transfer,
        reviews, evidence,
        provenance, screenings, endpoints, deliveries, halts, quarantine,
        claims, withdrawals, takedown_admin, takedown_pages,
    ):  # fmt: skip
        app.include_router(part.router)
    app.include_router(health_router(context, registry))
    install_problem_handlers(app)
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes)
    app.add_middleware(Envelope, metrics=HttpMetrics(registry))  # added last: outermost
    return app
