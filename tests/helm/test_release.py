"""The rendered `cpu-demo` for real: its serveConfigV2 on Ray, two API replicas behind nginx,
PostgreSQL, and an S3 server that checks signatures.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.helm.chart import of_kind, ray_templates
from tests.helm.nginx import nginx_binary
from tests.helm.running_release import MAX_BODY_BYTES, RunningRelease, running_release
from tests.postgres_server import PostgresServer
from tests.s3_server import S3Server, s3_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture(scope="module")
def release(
    tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer, s3: S3Server
) -> Iterator[RunningRelease]:
    binary = nginx_binary()
    if binary is None:
        pytest.skip("no nginx on this machine: apt-get install nginx-light")
    folder = tmp_path_factory.mktemp("release")
    with running_release(folder, postgres.new_database(), s3, binary) as running:
        yield running


def ended(url: str, video_id: str) -> str:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        answer = httpx.get(f"{url}/v1/videos/{video_id}", params={"wait": 20}, timeout=60)
        answer.raise_for_status()
        if answer.json()["status"] in ("completed", "failed"):
            return str(answer.json()["status"])
    raise AssertionError(f"{video_id} did not end")


def submit(url: str, prompt: str, num_steps: int = 2) -> str:
    body = {"prompt": prompt, "num_steps": num_steps}
    answer = httpx.post(f"{url}/v1/videos", json=body, timeout=30)
    answer.raise_for_status()
    return str(answer.json()["id"])


def test_helm_test_pod_finds_its_clip_in_the_bucket(release: RunningRelease, s3: S3Server) -> None:
    (pod,) = of_kind(release.documents, "Pod")
    (container,) = pod["spec"]["containers"]
    command = [f"--server={release.url}" if word.startswith("--server=") else word
               for word in container["command"]]  # fmt: skip
    said = release.containers.run(container, *command)
    assert "stored as results/" in said
    assert any(line.startswith(f"PUT /{s3.bucket}/clips/results/") for line in s3.gate.requests)


def test_events_are_streamed_as_they_happen(release: RunningRelease) -> None:
    video_id = submit(release.url, "a green star", num_steps=30)
    arrivals = []
    url = f"{release.url}/v1/videos/{video_id}/events"
    with httpx.stream("GET", url, timeout=120) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        for line in stream.iter_lines():
            if line.startswith("data:"):
                arrivals.append(time.monotonic())
    assert len(arrivals) >= 4
    assert arrivals[-1] - arrivals[0] > 0.5  # held back, they would come at once
    assert ended(release.url, video_id) == "completed"


def test_body_above_the_limit_is_refused_at_the_edge(release: RunningRelease) -> None:
    large = httpx.post(f"{release.url}/v1/videos", content=b"x" * (MAX_BODY_BYTES + 1))
    small = httpx.post(f"{release.url}/v1/videos", content=b"x" * (MAX_BODY_BYTES - 1))
    assert (large.status_code, "nginx" in large.text) == (413, True)
    assert (small.status_code, "nginx" in small.text) == (400, False)


@pytest.mark.parametrize("path", ["/metrics", "/readyz", "/docs", "/", "/api/serve/applications/"])
def test_edge_shows_nothing_but_the_api(release: RunningRelease, path: str) -> None:
    assert httpx.get(f"{release.url}{path}").status_code == 404


def test_killed_api_replica_is_not_missed(release: RunningRelease) -> None:
    video_id = submit(release.url, "a blue square", num_steps=10)
    release.api[0].kill()
    release.api[0].wait(timeout=30)
    statuses = {
        httpx.get(f"{release.url}/v1/videos/{video_id}", timeout=30).status_code for _ in range(20)
    }
    assert statuses == {200}
    assert ended(release.url, video_id) == "completed"
    assert ended(release.url, submit(release.url, "a grey dot")) == "completed"


def test_drained_pod_ends_its_job_and_claims_no_more(release: RunningRelease) -> None:
    """Last: afterwards nothing is claimed here any more. All stages are one pod here."""
    host = ray_templates(release.documents)["generation-embedded"]["spec"]["containers"][0]
    hook = host["lifecycle"]["preStop"]["exec"]["command"]
    first = submit(release.url, "a red circle", num_steps=40)
    while httpx.get(f"{release.url}/v1/videos/{first}").json()["progress"] < 5:
        time.sleep(0.05)
    waiting = release.containers.start(host, *hook, stdout=subprocess.DEVNULL)
    time.sleep(1)
    assert waiting.poll() is None  # the gang has not settled
    assert waiting.wait(timeout=120) == 0
    video = httpx.get(f"{release.url}/v1/videos/{first}").json()
    assert video["status"] == "in_progress"  # generated and handed over; nobody moderates it
    second = submit(release.url, "a white line")
    time.sleep(2)
    assert httpx.get(f"{release.url}/v1/videos/{second}").json()["status"] == "queued"
