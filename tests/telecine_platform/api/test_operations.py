"""Health, readiness, metrics, and what an outage looks like from outside."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from telecine_platform.api.metrics import OTHER, served_backlogs
from telecine_platform.jobs.store import JobStore
from telecine_platform.records import NO_BACKLOG, Backlog
from tests.telecine_platform.api.fakes import AwayStore, QuotingStore
from tests.telecine_platform.api.house import House, open_house


@pytest.fixture
def without_database(tmp_path: Path) -> Iterator[House]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # bound and never listening: connections are refused
        url = f"postgresql://telecine:hidden@127.0.0.1:{free.getsockname()[1]}/telecine"
        with open_house(tmp_path, jobs=JobStore(url)) as house:
            yield house


def test_ready_when_both_dependencies_answer(house: House) -> None:
    house.blobs.check()
    assert house.client.get("/healthz").json() == {"status": "alive"}
    ready = house.client.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")


def test_without_database_the_process_lives_but_is_not_ready(without_database: House) -> None:
    client = without_database.client

    ready = client.get("/readyz")

    assert client.get("/healthz").status_code == 200
    assert ready.status_code == 503
    assert ready.json()["checks"] == {"database": "down", "storage": "ok"}
    assert ready.json()["error"]["code"] == "not_ready"


def test_without_storage_the_process_is_not_ready(tmp_path: Path) -> None:
    blobs = AwayStore(tmp_path / "blobs")
    blobs.is_away = True
    with open_house(tmp_path, blobs=blobs) as house:
        assert house.client.get("/readyz").json()["checks"] == {
            "database": "ok",
            "storage": "down",
        }


ROUTES = (
    ("POST", "/v1/videos"),
    ("GET", "/v1/videos"),
    ("GET", "/v1/videos/video_" + "0" * 32),
    ("GET", "/v1/videos/video_" + "0" * 32 + "?wait=1"),
    ("DELETE", "/v1/videos/video_" + "0" * 32),
    ("GET", "/v1/videos/video_" + "0" * 32 + "/content"),
)


def test_without_database_each_route_says_come_back(without_database: House) -> None:
    for method, path in ROUTES:  # in one house: only the first of them waits for the database
        body = {"prompt": "a red fox"} if method == "POST" else None

        response = without_database.client.request(method, path, json=body)

        assert response.status_code == 503, (method, path)
        assert response.headers["retry-after"] == "2"
        assert response.json()["error"]["code"] == "store_unavailable"
        assert response.json()["error"]["type"] == "server_error"
    assert "postgresql" not in response.text
    assert "hidden" not in response.text


def test_metrics_show_jobs_and_requests(house: House) -> None:
    house.submit_and_finish()
    waiting_id = house.submit()
    house.client.get(f"/v1/videos/{waiting_id}")
    house.client.get("/no/such/path")
    house.client.request("PROPFIND", "/healthz")

    samples = samples_from(house.client.get("/metrics").text)

    assert samples["telecine_jobs_queued", "screening", ""] == 1
    assert samples["telecine_jobs_running", "generation", "embedded"] == 0
    assert samples["telecine_workers_idle", "generation", "embedded"] == 0
    assert samples["telecine_oldest_queued_seconds", "screening", ""] >= 0
    assert samples["telecine_stage_jobs_total", "moderation", "completed"] == 1
    assert samples["telecine_stage_work_seconds_total", "moderation", "completed"] >= 0
    assert samples["telecine_stage_wait_seconds_total", "screening", "queued"] >= 0
    assert samples["telecine_http_requests_total", "POST", "/v1/videos", "200"] == 2
    assert samples["telecine_http_requests_total", "GET", "/v1/videos/{video_id}", "200"] == 1
    assert samples["telecine_http_requests_total", "GET", "unmatched", "404"] == 1
    assert samples["telecine_http_requests_total", "OTHER", "/healthz", "405"] == 1
    assert samples["telecine_http_request_seconds_count", "/v1/videos"] == 2
    assert samples["telecine_database_up",] == 1
    assert not any(waiting_id in label for key in samples for label in key)


def test_generation_is_split_by_served_models_and_all_others_are_one() -> None:
    waiting = Backlog(num_queued=2, num_running=1, oldest_age_s=5.0)
    older = Backlog(num_queued=1, num_running=0, oldest_age_s=9.0)

    found = served_backlogs({"wan": waiting, "gone": waiting, "": older}, ("embedded", "wan"))

    together = Backlog(num_queued=3, num_running=1, oldest_age_s=9.0)
    assert found == {"embedded": NO_BACKLOG, "wan": waiting, OTHER: together}


def test_metrics_without_database_still_show_the_requests(without_database: House) -> None:
    without_database.client.get("/healthz")

    samples = samples_from(without_database.client.get("/metrics").text)

    assert samples["telecine_database_up",] == 0
    assert samples["telecine_http_requests_total", "GET", "/healthz", "200"] == 1


def test_an_unexpected_error_is_500_and_logged_without_its_text(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    jobs = QuotingStore(f"sqlite:///{tmp_path / 'jobs.db'}")
    jobs.create_tables()
    with open_house(tmp_path, jobs=jobs) as house:
        response = house.client.post("/v1/videos", json={"prompt": "a purple wombat"})

    assert response.status_code == 500
    error = response.json()["error"]
    assert (error["type"], error["code"]) == ("server_error", "internal_error")
    assert response.headers["x-request-id"] in error["message"]
    assert "wombat" not in response.text + logged_text(caplog)
    assert response.headers["x-request-id"] in logged_text(caplog)


def test_prompts_never_reach_the_logs(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    house.submit_and_finish("a purple wombat")
    house.client.post("/v1/videos", json={"prompt": "a purple wombat", "size": "9x9"})
    house.client.post("/v1/videos", content=b'{"prompt": "a purple wombat')
    house.client.post("/v1/videos", files={"prompt": (None, "a purple wombat"), "x": "wombat"})
    house.client.get("/v1/videos?after=wombat")

    assert "job_submitted" in logged_text(caplog)
    assert "wombat" not in logged_text(caplog, but_not="httpx")


def test_openapi_describes_bodies_and_errors(house: House) -> None:
    paths = house.client.get("/openapi.json").json()["paths"]

    create = paths["/v1/videos"]["post"]
    assert set(create["requestBody"]["content"]) == {
        "application/json", "multipart/form-data", "application/x-www-form-urlencoded",
    }  # fmt: skip
    assert create["requestBody"]["content"]["application/json"]["schema"]["required"] == ["prompt"]
    assert {"200", "4XX", "5XX"} <= set(create["responses"])
    assert not any("422" in item["responses"] for path in paths.values() for item in path.values())


def logged_text(caplog: pytest.LogCaptureFixture, but_not: str = "-") -> str:
    return "\n".join(str(vars(record)) for record in caplog.records if record.name != but_not)


def samples_from(text: str) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *sorted_labels(sample.labels)): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def sorted_labels(labels: dict[str, str]) -> list[str]:
    order = ("stage", "model", "outcome", "method", "route", "status", "le")
    return [labels[name] for name in order if name in labels]
