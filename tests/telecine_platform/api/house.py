"""A whole API on a free port: uvicorn in a thread, SQLite, a local folder, fake stages."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx
from fastapi import FastAPI

from telecine_platform.api.app import create_app
from telecine_platform.api.listener import url_from_listener
from telecine_platform.api.server import server_from_app
from telecine_platform.clock import utc_now
from telecine_platform.jobs.store import JobStore
from telecine_platform.settings import Settings
from telecine_platform.storage.local import LocalStore
from telecine_platform.storage.store import BlobStore
from tests.databases import open_jobs
from tests.telecine_platform.api.fakes import FakeStages


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """A running API and what stands behind it."""

    url: str
    settings: Settings
    client: httpx.Client
    jobs: JobStore
    blobs: BlobStore
    stages: FakeStages

    def submit(self, prompt: str = "a red fox", **fields: object) -> str:
        response = self.client.post("/v1/videos", json={"prompt": prompt, **fields})
        assert response.status_code == 200, response.text
        return str(response.json()["id"])

    def submit_and_finish(self, prompt: str = "a red fox") -> str:
        video_id = self.submit(prompt)
        self.stages.work_off()
        return video_id

    @contextmanager
    def working(self) -> Iterator[None]:
        """Let the stages work in the background."""
        stop = threading.Event()
        thread = threading.Thread(target=self.stages.work_until, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(timeout=10)


@contextmanager
def open_house(
    folder: Path,
    *,
    jobs: JobStore | None = None,
    blobs: BlobStore | None = None,
    now: Callable[[], datetime] = utc_now,
    **settings: object,
) -> Iterator[House]:
    values = Settings.model_validate({"data_dir": folder, **settings})
    with ExitStack() as stack:
        if jobs is None:
            jobs = open_jobs(folder)
        stack.callback(jobs.close)
        blobs = blobs or LocalStore(folder / "blobs")
        app = create_app(values, jobs, blobs, now)
        url = stack.enter_context(serving(app, app.state.context.watch.close))
        client = stack.enter_context(
            # Plain http: without `verify=False` each client would read the authorities' list.
            httpx.Client(base_url=url, trust_env=False, timeout=30, verify=False)
        )
        stages = FakeStages(jobs, blobs, folder)
        yield House(url=url, settings=values, client=client, jobs=jobs, blobs=blobs, stages=stages)


@contextmanager
def serving(app: FastAPI, before_shutdown: Callable[[], None] = lambda: None) -> Iterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = server_from_app(app, before_shutdown)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield url_from_listener(listener)
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()
