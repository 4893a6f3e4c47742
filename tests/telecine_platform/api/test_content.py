"""Only released bytes leave, whole or in part, with what caches and players need."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import openai
import pytest

from telecine_platform.api.videos.content import released_key
from telecine_platform.api.videos.ranges import ByteRange, range_from_header
from telecine_platform.errors import TelecineError
from telecine_platform.records import ClipKeys
from telecine_platform.storage.store import quarantine_key
from tests.telecine_platform.api.fakes import CLIP, AwayStore, BreakingStore, LinkingStore
from tests.telecine_platform.api.house import House, open_house

ETAG = f'"{hashlib.sha256(CLIP).hexdigest()}"'


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("bytes=0-0", (0, 1)),
        ("bytes=2-", (2, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-99", (0, 10)),
        ("bytes=5-99", (5, 10)),
        ("Bytes = 1 - 2", (1, 3)),
        ("bytes=10-", (10, 10)),
        ("bytes=-0", (10, 10)),
        ("bytes=5-4", None),
        ("bytes=-", None),
        ("bytes=0-1,3-4", None),
        ("items=0-1", None),
        ("bytes=a-b", None),
        ("bytes=" + "9" * 5000 + "-", None),
    ],
)
def test_range_header_rules(header: str | None, expected: tuple[int, int] | None) -> None:
    wanted = None if expected is None else ByteRange(start=expected[0], end=expected[1])
    assert range_from_header(header, 10) == wanted


@pytest.mark.parametrize(
    ("headers", "status", "content"),
    [
        ({}, 200, CLIP),
        ({"range": "bytes=100000-"}, 206, CLIP[100_000:]),
        ({"range": "bytes=-5"}, 206, CLIP[-5:]),
        ({"range": "bytes=nonsense"}, 200, CLIP),
        ({"range": "bytes=0-3", "if-range": ETAG}, 206, CLIP[:4]),
        ({"range": "bytes=0-3", "if-range": '"other"'}, 200, CLIP),
        ({"if-none-match": ETAG}, 304, b""),
        ({"if-none-match": '"other"'}, 200, CLIP),
    ],
)
def test_clip_is_sent_as_the_headers_ask(
    house: House, headers: dict[str, str], status: int, content: bytes
) -> None:
    video_id = house.submit_and_finish()

    response = house.client.get(f"/v1/videos/{video_id}/content", headers=headers)

    assert response.status_code == status
    assert response.content == content
    assert response.headers["etag"] == ETAG
    assert response.headers["content-disposition"] == f'attachment; filename="{video_id}.mp4"'


def test_a_range_behind_the_end_is_416_with_the_size(house: House) -> None:
    path = f"/v1/videos/{house.submit_and_finish()}/content"

    response = house.client.get(path, headers={"range": "bytes=9999999-"})

    assert response.status_code == 416
    assert response.headers["content-range"] == f"bytes */{len(CLIP)}"
    assert response.json()["error"]["code"] == "range_not_satisfiable"


def test_head_tells_size_and_type_without_the_bytes(house: House) -> None:
    response = house.client.head(f"/v1/videos/{house.submit_and_finish()}/content")

    assert response.status_code == 200
    assert response.headers["content-length"] == str(len(CLIP))
    assert response.headers["content-type"] == "video/mp4"
    assert response.headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize(
    ("prompt", "code", "says"),
    [
        ("a red fox", "video_not_ready", "queued"),
        ("a forbidden mouse", "video_failed", "protected character"),
    ],
)
def test_a_job_without_a_clip_has_no_content(
    house: House, prompt: str, code: str, says: str
) -> None:
    video_id = house.submit(prompt)
    if code == "video_failed":
        house.stages.work_off()

    response = house.client.get(f"/v1/videos/{video_id}/content")

    assert response.status_code == 400
    assert response.json()["error"]["code"] == code
    assert says in response.json()["error"]["message"]


def test_a_clip_key_in_quarantine_is_never_given_out(house: House) -> None:
    job = house.jobs.get(house.submit_and_finish(), "default")
    hidden = quarantine_key(job.id, job.epoch, "clip.mp4")
    clip = ClipKeys(video=hidden, thumbnail=hidden, spritesheet=hidden)
    with pytest.raises(TelecineError, match="not in its results"):
        released_key(replace(job, clip=clip), "video")


def test_a_clip_that_is_gone_from_the_storage_is_404(house: House) -> None:
    video_id = house.submit_and_finish()
    house.blobs.delete(f"results/{video_id}")

    response = house.client.get(f"/v1/videos/{video_id}/content")

    assert response.status_code == 404
    assert "results/" not in response.text


def test_no_answer_mentions_a_storage_key(house: House) -> None:
    video_id = house.submit_and_finish()
    texts = [house.client.get(f"/v1/videos/{video_id}").text, house.client.get("/v1/videos").text]
    assert not any("results/" in text or "quarantine" in text for text in texts)


def test_storage_down_is_503_and_the_deletion_still_counts(tmp_path: Path) -> None:
    blobs = AwayStore(tmp_path / "blobs")
    with open_house(tmp_path, blobs=blobs) as house:
        video_id = house.submit_and_finish()
        blobs.is_away = True

        content = house.client.get(f"/v1/videos/{video_id}/content")
        deleted = house.client.delete(f"/v1/videos/{video_id}")

        assert (content.status_code, deleted.status_code) == (503, 200)
        assert content.json()["error"]["code"] == "storage_unavailable"
        assert "secret-bucket" not in content.text
        assert house.client.get(f"/v1/videos/{video_id}").status_code == 404


def test_a_stream_that_breaks_cuts_the_connection_instead_of_ending_early(tmp_path: Path) -> None:
    with open_house(tmp_path, blobs=BreakingStore(tmp_path / "blobs")) as house:
        video_id = house.submit_and_finish()
        with pytest.raises(httpx.RemoteProtocolError):
            house.client.get(f"/v1/videos/{video_id}/content")
        assert house.client.get("/healthz").status_code == 200


# The SDK marks its video methods so; the protocol lives on in other engines.
@pytest.mark.filterwarnings("ignore:The Sora API is scheduled:DeprecationWarning")
def test_the_sdk_follows_a_signed_url_and_keeps_its_key_to_itself(tmp_path: Path) -> None:
    seen: list[tuple[str, str | None]] = []

    class Bucket(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append((self.path, self.headers.get("authorization")))
            self.send_response(200)
            self.send_header("content-length", "4")
            self.end_headers()
            self.wfile.write(b"clip")

        def log_message(self, format: str, *args: object) -> None: ...

    blobs = LinkingStore(tmp_path / "blobs")
    with HTTPServer(("127.0.0.1", 0), Bucket) as bucket, open_house(tmp_path, blobs=blobs) as house:
        blobs.base_url = f"http://127.0.0.1:{bucket.server_port}"
        thread = threading.Thread(target=bucket.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        video_id = house.submit_and_finish()
        with openai.OpenAI(base_url=f"{house.url}/v1", api_key="secret", max_retries=0) as sdk:
            content = sdk.videos.download_content(video_id).read()
        head: httpx.Response = house.client.head(f"/v1/videos/{video_id}/content")
        bucket.shutdown()
        thread.join()

    assert content == b"clip"
    assert [authorization for _, authorization in seen] == [None]
    assert seen[0][0].startswith(f"/results/{video_id}/")
    assert head.headers["content-length"] == str(len(CLIP))
