"""A bucket or a database that fails in mid-job leads to another try, not to a lost or half clip."""

from __future__ import annotations

import time

import psycopg
import pytest

from telecine_platform.jobs.store import JobStore
from tests.end_to_end.conftest import client_of
from tests.running_platform import RunningPlatform
from tests.s3_server import S3Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def states(database_url: str, job_id: str) -> list[tuple[str, str, str]]:
    jobs = JobStore(database_url)
    try:
        return [(row.stage, row.state, row.reason) for row in jobs.history(job_id)]
    finally:
        jobs.close()


@pytest.mark.parametrize(("failing", "stage"), [("draft", "generation"), ("clip", "moderation")])
def test_bucket_that_fails_in_mid_job_is_tried_again(
    clustered: RunningPlatform, s3: S3Server, database_url: str, failing: str, stage: str
) -> None:
    client = client_of(clustered)

    def refuse(method: str, path: str) -> int | None:
        return 503 if method == "PUT" and f"/{failing}." in path else None

    s3.gate.fault = refuse
    try:
        video = client.videos.create(prompt="a grey square", extra_body={"num_steps": 2, "seed": 7})
        retried = (stage, "queued", "storage_unavailable")
        deadline = time.monotonic() + 120
        while retried not in states(database_url, video.id):
            assert time.monotonic() < deadline
            time.sleep(0.1)
    finally:
        s3.gate.fault = lambda _method, _path: None
    assert client.videos.poll(video.id).status == "completed"
    listed = s3.client().list_objects_v2(Bucket=s3.bucket, Prefix=f"clips/results/{video.id}/")
    keys = [item["Key"].rpartition("/")[2] for item in listed["Contents"]]
    assert sorted(keys) == ["clip.mp4", "spritesheet.jpg", "thumbnail.webp"]


def test_database_that_drops_every_connection_loses_nothing(
    clustered: RunningPlatform, database_url: str
) -> None:
    client = client_of(clustered)
    video = client.videos.create(prompt="a grey star", extra_body={"num_steps": 20})
    while client.videos.retrieve(video.id).status == "queued":
        pass
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert client.videos.poll(video.id).status == "completed"
    ends = [state for _, state, _ in states(database_url, video.id) if state == "completed"]
    assert len(ends) == 1
