from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx
import pytest

from loadtests.results import JobStatus
from loadtests.target import (
    MAX_POLL_S,
    MIN_POLL_S,
    POLL_S,
    GangsSeen,
    NotSent,
    TargetError,
    Unanswered,
    download,
    gangs_seen,
    is_loopback,
    jobs_since,
    look,
    stage_totals,
    submit,
)
from tests.loadtests.arrivals import arrival

Answer = Callable[[httpx.Request], httpx.Response]
FIGURES = """\
# TYPE telecine_stage_jobs_total counter
telecine_stage_jobs_total{outcome="queued",stage="screening"} 7.0
telecine_stage_jobs_total{outcome="blocked",stage="screening"} 1.0
# TYPE telecine_stage_wait_seconds_total counter
telecine_stage_wait_seconds_total{outcome="queued",stage="screening"} 3.5
telecine_stage_wait_seconds_total{outcome="blocked",stage="screening"} 0.5
# TYPE telecine_jobs_queued gauge
telecine_jobs_queued{model="",stage="screening"} 4.0
telecine_jobs_queued{model="embedded",stage="generation"} 3.0
telecine_jobs_queued{model="wan",stage="generation"} 2.0
# TYPE telecine_jobs_running gauge
telecine_jobs_running{stage="generation"} 2.0
# TYPE telecine_workers_idle gauge
telecine_workers_idle{stage="generation"} 1.0
"""


def client_of(answer: Answer) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url="http://server", transport=httpx.MockTransport(answer))


def raising(error: Exception) -> Answer:
    def answer(_: httpx.Request) -> httpx.Response:
        raise error

    return answer


@pytest.mark.parametrize(
    ("url", "is_here"),
    [
        ("http://127.0.0.1:8000", True),
        ("http://127.9.9.9", True),
        ("http://localhost:8000/", True),
        ("http://[::1]:8000", True),
        ("http://0.0.0.0:8000", False),
        ("http://10.0.0.1:8000", False),
        ("https://api.example.com", False),
        ("https://localhost.example.com", False),
        ("http://127.0.0.1@example.com", False),
        ("127.0.0.1:8000", False),
        ("", False),
    ],
)
def test_only_addresses_of_this_machine_are_loopback(url: str, is_here: bool) -> None:
    assert is_loopback(url) is is_here


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({}, POLL_S),
        ({"openai-poll-after-ms": "1500"}, 1.5),
        ({"retry-after": "2"}, 2.0),
        ({"openai-poll-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"openai-poll-after-ms": "0"}, MIN_POLL_S),
        ({"retry-after": "86400"}, MAX_POLL_S),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, POLL_S),
    ],
)
def test_server_says_when_to_ask_again(headers: dict[str, str], wait_s: float) -> None:
    client = client_of(lambda _: httpx.Response(503, headers=headers))
    sighting = asyncio.run(look(client, "video_1"))
    assert (sighting.status, sighting.wait_s) == (JobStatus.OPEN, wait_s)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (httpx.ConnectError("refused"), NotSent),
        (httpx.ConnectTimeout("slow"), NotSent),
        (httpx.ReadError("cut"), Unanswered),
        (httpx.ReadTimeout("slow"), Unanswered),
        (httpx.RemoteProtocolError("cut"), Unanswered),
    ],
)
def test_only_what_never_left_may_be_sent_again(error: Exception, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        asyncio.run(submit(client_of(raising(error)), arrival()))


def test_broken_connection_leaves_a_job_open() -> None:
    sighting = asyncio.run(look(client_of(raising(httpx.ReadError("cut"))), "video_1"))
    assert sighting.status is JobStatus.OPEN


def test_stage_figures_are_summed_over_outcomes() -> None:
    client = client_of(lambda _: httpx.Response(200, text=FIGURES))
    totals = asyncio.run(stage_totals(client))
    assert list(totals) == ["screening"]
    assert (totals["screening"].num_runs, totals["screening"].wait_s) == (8, 4.0)


def test_clip_cut_short_counts_as_not_had() -> None:
    assert asyncio.run(download(client_of(raising(httpx.RemoteProtocolError("cut"))), "x")) is None
    assert asyncio.run(download(client_of(lambda _: httpx.Response(200)), "x")) is None


def test_listing_without_an_end_is_an_error() -> None:
    job = {"id": "video_1", "status": "queued", "created_at": 1}
    page = {"data": [job], "has_more": True}
    with pytest.raises(TargetError, match="no end"):
        asyncio.run(jobs_since(client_of(lambda _: httpx.Response(200, json=page)), None))


def test_wrong_key_is_told() -> None:
    problem = {"error": {"message": "no", "code": "invalid_api_key"}}
    with pytest.raises(TargetError, match="401 invalid_api_key"):
        asyncio.run(jobs_since(client_of(lambda _: httpx.Response(401, json=problem)), None))


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        (httpx.Response(200, text=FIGURES), GangsSeen(num_busy=2, num_idle=1, num_queued=5)),
        (httpx.Response(200, text=FIGURES.replace("workers_idle", "others")), None),
        (httpx.Response(503, text="away"), None),
    ],
)
def test_gangs_are_seen_in_the_figures_or_not_at_all(
    answer: httpx.Response, seen: GangsSeen | None
) -> None:
    assert asyncio.run(gangs_seen(client_of(lambda _: answer))) == seen
