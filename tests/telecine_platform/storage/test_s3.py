"""The S3 adapter: credentials, outages, lesser services, damage and listings."""

from __future__ import annotations

import logging
import socket
import time
from pathlib import Path

import pytest

from telecine_platform.errors import SettingsError, StorageUnavailable
from telecine_platform.storage.s3 import S3Store
from tests.s3_server import S3Server
from tests.telecine_platform.storage.conftest import PREFIX

KEY = "results/video_1/1/clip.mp4"


@pytest.mark.parametrize("name", ["AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"])
def test_wrong_credentials_are_refused_and_not_repeated(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch, clip: Path, name: str
) -> None:
    monkeypatch.setenv(name, "WRONG0123456789ABCDEF")
    store = S3Store(s3.bucket, PREFIX, s3.endpoint_url)

    for ask in (store.check, lambda: store.create(KEY, clip, "video/mp4"), lambda: store.keys("a")):
        with pytest.raises(StorageUnavailable, match="credentials are wrong") as caught:
            ask()
        assert s3.bucket in str(caught.value)
        assert s3.endpoint_url in str(caught.value)
        assert "WRONG" not in str(caught.value)


def test_missing_credentials_are_a_storage_error(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    with pytest.raises(StorageUnavailable, match="NoCredentialsError"):
        S3Store(s3.bucket, PREFIX, s3.endpoint_url).check()


def test_missing_bucket_fails_the_check(s3: S3Server) -> None:
    with pytest.raises(StorageUnavailable, match="does not exist: create it"):
        S3Store("no-such-bucket", PREFIX, s3.endpoint_url).check()


def test_server_that_is_down_is_reported_within_seconds(s3: S3Server) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # nobody listens
        endpoint = f"http://127.0.0.1:{reserved.getsockname()[1]}"
        started_at_s = time.monotonic()
        with pytest.raises(StorageUnavailable, match="does not answer") as caught:
            S3Store(s3.bucket, PREFIX, endpoint).check()

    assert time.monotonic() - started_at_s < 10
    assert endpoint in str(caught.value)


def test_busy_service_is_asked_again_then_reported(s3: S3Server, s3_store: S3Store) -> None:
    s3.gate.fault = lambda _method, _path: 503

    with pytest.raises(StorageUnavailable, match="busy or failing"):
        s3_store.info(KEY)

    assert len(s3.gate.requests) == 3


def test_short_outage_is_not_noticed(s3: S3Server, s3_store: S3Store, clip: Path) -> None:
    s3_store.create(KEY, clip, "video/mp4")
    answers = iter([500])
    s3.gate.fault = lambda _method, _path: next(answers, None)

    assert s3_store.info(KEY).size_bytes == 3_000_000


def test_blob_that_differs_from_its_hash_is_not_downloaded(
    s3: S3Server, s3_store: S3Store, tmp_path: Path
) -> None:
    client = s3.client()
    client.put_object(
        Bucket=s3.bucket, Key=f"{PREFIX}/{KEY}", Body=b"other", Metadata={"sha256": "0" * 64}
    )
    client.close()

    with pytest.raises(StorageUnavailable, match="damaged"):
        s3_store.download(KEY, tmp_path / "copy")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("feature", ["If-None-Match", "x-amz-checksum-sha256"])
def test_service_that_ignores_a_safeguard_is_refused(
    s3: S3Server, clip: Path, feature: str
) -> None:
    s3.gate.ignored_header = feature
    store = S3Store(s3.bucket, PREFIX, s3.endpoint_url)

    with pytest.raises(SettingsError, match="a service that ignores"):
        store.create(KEY, clip, "video/mp4")

    s3.gate.ignored_header = None
    assert store.keys("results") == []
    assert store.keys("quarantine") == []


def test_service_that_refuses_a_safeguard_is_named(
    s3: S3Server, s3_store: S3Store, clip: Path
) -> None:
    s3_store._prove_service()
    s3.gate.fault = lambda method, _path: 501 if method == "PUT" else None

    with pytest.raises(SettingsError, match="needs conditional writes"):
        s3_store.create(KEY, clip, "video/mp4")


def test_more_keys_than_one_page_are_listed_and_deleted(s3: S3Server, s3_store: S3Store) -> None:
    s3.fill(f"{PREFIX}/results/many/{number:04}" for number in range(1001))

    assert len(s3_store.keys("results/many")) == 1001
    assert s3_store.delete("results/many") == 1001
    assert s3_store.keys("results") == []


def test_no_secret_or_url_is_logged(
    s3: S3Server, s3_store: S3Store, clip: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    s3_store.create(KEY, clip, "video/mp4")
    s3_store.signed_url(KEY, 60, "a.mp4")

    assert s3.secret_key not in caplog.text
    assert "X-Amz-Signature" not in caplog.text
