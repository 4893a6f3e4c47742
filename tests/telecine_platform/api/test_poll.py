"""The plain poll goes a short way past FastAPI; nobody may be able to tell."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from telecine_platform.access.keys import digest_from_key
from telecine_platform.ids import new_job_id
from telecine_platform.records import Stage
from tests.records import at
from tests.telecine_platform.api.fakes import FORBIDDEN
from tests.telecine_platform.api.house import House, open_house


@dataclass
class Clock:
    """Stands still unless it is set, so that two answers can be equal."""

    now: datetime


@pytest.fixture
def clock() -> Clock:
    return Clock(at(0))


@pytest.fixture
def house(tmp_path: Path, clock: Clock) -> Iterator[House]:
    file = tmp_path / "keys.yaml"
    digests = {name: [digest_from_key(f"key-of-{name}")] for name in ("a", "b")}
    writer = {"keys": [digest_from_key("key-of-writer")], "scopes": ["submit"]}
    file.write_text(json.dumps(digests | {"writer": writer}))
    with open_house(tmp_path, now=lambda: clock.now, api_keys_file=file) as opened:
        opened.client.headers["authorization"] = "Bearer key-of-a"
        yield opened


def both_ways(house: House, video_id: str, **headers: str) -> list[httpx.Response]:
    """The short way, and FastAPI's, which a query leads to."""
    path = f"/v1/videos/{video_id}"
    return [house.client.get(path + query, headers=headers) for query in ("", "?wait=0")]


def seen(response: httpx.Response) -> tuple[int, bytes, list[tuple[str, str]]]:
    """Everything but the request's own name and time."""
    own = {"x-request-id": "", "date": ""}
    headers = [(name, own.get(name, value)) for name, value in response.headers.items()]
    return response.status_code, response.content, sorted(headers)


def test_a_plain_poll_shows_what_fastapi_would(house: House, clock: Clock) -> None:
    completed, blocked = house.submit_and_finish(), house.submit_and_finish(f"a {FORBIDDEN} fox")
    running = house.submit()
    assert house.stages.claim(Stage.SCREENING) is not None
    queued = house.submit()
    clock.now = at(60)  # forecasts are made anew, in the background
    until = time.monotonic() + 30
    while house.client.get(f"/v1/videos/{queued}").json()["predicted_finish_at"] is None:
        assert time.monotonic() < until
        time.sleep(0.02)
    said = {"queued": queued, "in_progress": running, "completed": completed, "failed": blocked}
    for status, video_id in said.items():
        short, by_the_book = both_ways(house, video_id)
        assert short.json()["status"] == status
        assert ("openai-poll-after-ms" in short.headers) == (status in ("queued", "in_progress"))
        assert seen(short) == seen(by_the_book)


def test_a_plain_poll_is_refused_as_fastapi_would(house: House) -> None:
    video_id = house.submit()
    refused = [
        (404, new_job_id(at(0)), "Bearer key-of-a"),
        (404, "video_%00", "Bearer key-of-a"),
        (404, video_id, "Bearer key-of-b"),
        (403, video_id, "Bearer key-of-writer"),
        (401, video_id, "Bearer key-of-nobody"),
        (401, video_id, "Basic key-of-a"),
        (401, video_id, ""),
    ]
    for status, asked_id, authorization in refused:
        short, by_the_book = both_ways(house, asked_id, authorization=authorization)
        assert short.status_code == status
        assert seen(short) == seen(by_the_book)


def test_a_plain_poll_is_counted_under_its_route(house: House) -> None:
    house.client.get(f"/v1/videos/{house.submit()}")
    counted = (
        'telecine_http_requests_total{method="GET",route="/v1/videos/{video_id}",status="200"}'
    )
    assert counted in house.client.get("/metrics").text
