"""Presigned URLs: what they serve, for how long, and that nobody can alter them."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from telecine_platform.storage.s3 import S3Store
from tests.s3_server import S3Server
from tests.telecine_platform.storage.conftest import PREFIX

KEY = "results/video_1/1/clip.mp4"


def _get(url: str, byte_range: str | None = None) -> tuple[int, bytes, dict[str, str]]:
    request = urllib.request.Request(url, headers={"Range": byte_range} if byte_range else {})
    try:
        with urllib.request.urlopen(request) as answer:
            headers = {name.lower(): value for name, value in answer.headers.items()}
            return answer.status, answer.read(), headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), {}


def test_signed_url_serves_the_blob_without_credentials(s3_store: S3Store, clip: Path) -> None:
    s3_store.create(KEY, clip, "video/mp4")

    status, body, headers = _get(s3_store.signed_url(KEY, 60, "video_1.mp4") or "")

    assert (status, body) == (200, clip.read_bytes())
    assert headers["content-type"] == "video/mp4"
    assert headers["content-disposition"] == 'attachment; filename="video_1.mp4"'


def test_signed_url_serves_a_range(s3_store: S3Store, clip: Path) -> None:
    s3_store.create(KEY, clip, "video/mp4")

    status, body, headers = _get(s3_store.signed_url(KEY, 60, "a.mp4") or "", "bytes=10-19")

    assert (status, body) == (206, clip.read_bytes()[10:20])
    assert headers["content-range"] == "bytes 10-19/3000000"


def test_signed_url_expires(s3: S3Server, s3_store: S3Store, clip: Path) -> None:
    s3_store.create(KEY, clip, "video/mp4")
    url = s3_store.signed_url(KEY, 60, "a.mp4") or ""

    s3.gate.now = lambda: datetime.now(UTC) + timedelta(seconds=50)
    status_before, _, _ = _get(url)
    s3.gate.now = lambda: datetime.now(UTC) + timedelta(seconds=70)
    status_after, body, _ = _get(url)

    assert (status_before, status_after) == (200, 403)
    assert b"AccessDenied" in body


@pytest.mark.parametrize(
    ("pattern", "replacement"),
    [
        ("results/video_1/1/clip.mp4", "quarantine/video_1/1/clip.mkv"),
        ("X-Amz-Expires=60", "X-Amz-Expires=6000"),
        ("a.mp4", "b.mp4"),
        (r"X-Amz-Signature=\w{8}", "X-Amz-Signature=00000000"),
    ],
)
def test_altered_signed_url_is_refused(
    s3_store: S3Store, clip: Path, pattern: str, replacement: str
) -> None:
    s3_store.create(KEY, clip, "video/mp4")
    s3_store.create("quarantine/video_1/1/clip.mkv", clip, "video/x-matroska")
    url = s3_store.signed_url(KEY, 60, "a.mp4") or ""

    status, body, _ = _get(re.sub(pattern, replacement, url))

    assert status == 403
    assert b"SignatureDoesNotMatch" in body


def test_unsigned_request_is_refused(s3: S3Server, s3_store: S3Store, clip: Path) -> None:
    s3_store.create(KEY, clip, "video/mp4")

    assert _get(f"{s3.endpoint_url}/{s3.bucket}/{PREFIX}/{KEY}")[0] == 403
