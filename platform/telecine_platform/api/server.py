"""Runs the API: `python -m telecine_platform.api.server [--config FILE]`, or a child of `up`.

A parent that needs to know the port opens the listener itself and hands it to the child process:
callers that come early wait in the socket's queue instead of being refused.
"""

from __future__ import annotations

import argparse
import logging
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from telecine_platform.api.app import create_app
from telecine_platform.api.ark.callback import callback_from_context
from telecine_platform.api.context import ApiContext
from telecine_platform.api.listener import open_listener, url_from_listener
from telecine_platform.errors import StorageUnavailable, StoreUnavailable, TelecineError
from telecine_platform.jobs.store import JobStore
from telecine_platform.ledger.sealer import Sealer
from telecine_platform.rights.open import open_rights
from telecine_platform.settings import Settings, load_settings
from telecine_platform.storage.open import open_store
from telecine_platform.telemetry.logs import set_up_logs
from telecine_platform.telemetry.tracing import flush_traces, set_up_tracing
from telecine_platform.webhooks.deliver import Deliverer
from telecine_platform.webhooks.vault import open_vault

KEEP_ALIVE_S = 75
"""Longer than the usual 60 s of load balancers, which must be the first to close."""
GRACE_S = 30
"""How long downloads may go on after SIGTERM. Jobs are not here: nothing else waits."""


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM. Exit codes: 0 ended as told, 2 settings, 3 a dependency is down."""
    parser = argparse.ArgumentParser(prog="telecine_platform.api.server")
    parser.add_argument("--config", type=Path, help="YAML or TOML file of settings")
    parser.add_argument("--fd", type=int, help="listen on this socket of the parent's instead")
    options = parser.parse_args(arguments)
    try:
        settings = load_settings(options.config)
        listener = (
            open_listener(settings) if options.fd is None else socket.socket(fileno=options.fd)
        )
        if options.fd is None:
            print(url_from_listener(listener), flush=True)
        serve_api(settings, listener)
    except TelecineError as error:
        print(f"telecine api: {error}", file=sys.stderr)
        return 3 if isinstance(error, (StoreUnavailable, StorageUnavailable)) else 2
    return 0


def serve_api(settings: Settings, listener: socket.socket | None = None) -> None:
    """Serve in this process's main thread until SIGTERM or SIGINT, then finish what is open.

    `listener` is bound already; None opens it from the settings. Raises `StoreUnavailable` when
    the tables cannot be made at the start.
    """
    set_up_logs("api", settings.log_folder)
    set_up_tracing("api", settings.otlp_endpoint)
    # uvicorn raises the signal again once it has stopped: end by unwinding, not by being killed.
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, _end)
    try:
        _serve(settings, listener or open_listener(settings))
    except _Ended:
        pass
    finally:
        flush_traces()


def server_from_app(
    app: FastAPI, before_shutdown: Callable[[], None] = lambda: None
) -> uvicorn.Server:
    """The HTTP server around `app`: no access log, because paths and queries are the callers'.

    `before_shutdown` lets go of requests that wait, before the server waits for requests to end.
    """
    config = uvicorn.Config(
        app,
        http="httptools",  # a tenth less CPU for a poll than h11
        loop="uvloop",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
    )
    # Without this, uvicorn writes its access log as soon as anybody gives that logger a handler.
    logging.getLogger("uvicorn.access").disabled = True
    return _Server(config, before_shutdown)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, before_shutdown: Callable[[], None]) -> None:
        super().__init__(config)
        self._before_shutdown = before_shutdown

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._before_shutdown()
        await super().shutdown(sockets)


def _serve(settings: Settings, listener: socket.socket) -> None:
    blobs = open_store(settings.resolved_storage_url, settings.s3_endpoint_url)
    with closing(listener), closing(JobStore(settings.resolved_database_url)) as jobs:
        jobs.create_tables()
        open_rights(settings, jobs.database)
        app = create_app(settings, jobs, blobs)
        sealer = Sealer(jobs.database, blobs, settings)
        sealer.start()
        with (
            closing(sealer),
            closing(_started_deliverer(app.state.context, url_from_listener(listener))),
        ):
            server_from_app(app, app.state.context.watch.close).run(sockets=[listener])


def _started_deliverer(context: ApiContext, url: str) -> Deliverer:
    if context.settings.webhook_keys_file is not None:
        open_vault(context.settings)  # a broken file stops the start
    deliverer = Deliverer(
        context.webhook_deliveries,
        context.webhook_endpoints,
        context.fetcher,
        callback_from_context(context, url),
    )
    deliverer.start()
    return deliverer


class _Ended(BaseException):
    """Told to stop by a signal. No `Exception`: nothing on the way may swallow it."""


def _end(_signal: int, _frame: object) -> None:
    raise _Ended


if __name__ == "__main__":
    sys.exit(main())
