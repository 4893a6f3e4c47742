"""Uploads to S3: conditional, in parts, and nothing left when they fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from telecine_platform.errors import BlobExists, NotFound, StorageUnavailable
from telecine_platform.storage.s3 import S3Store
from tests.s3_server import S3Server
from tests.telecine_platform.storage.conftest import PREFIX

KEY = "results/video_1/1/clip.mp4"


@pytest.fixture
def big_clip(tmp_path: Path) -> Path:
    """20,000,000 bytes: parts of 8 MiB, 8 MiB and a rest."""
    path = tmp_path / "big.mp4"
    path.write_bytes(bytes(range(250)) * 80_000)
    return path


def _open_uploads(s3: S3Server) -> list[object]:
    client = s3.client()
    uploads: list[object] = client.list_multipart_uploads(Bucket=s3.bucket).get("Uploads", [])
    client.close()
    return uploads


def test_write_whose_answer_got_lost_is_recognised_as_ours(
    s3: S3Server, s3_store: S3Store, clip: Path
) -> None:
    s3_store.create("results/warm-up", clip, "video/mp4")
    s3.gate.lose_answer_of = "PUT"

    created = s3_store.create(KEY, clip, "video/mp4")

    assert [line.split("?")[0] for line in s3.gate.requests if KEY in line] == [
        f"PUT /{s3.bucket}/{PREFIX}/{KEY}",
        f"PUT /{s3.bucket}/{PREFIX}/{KEY}",
        f"HEAD /{s3.bucket}/{PREFIX}/{KEY}",
    ]
    assert s3_store.info(KEY) == created


def test_conflict_without_a_winner_can_be_tried_again(
    s3: S3Server, s3_store: S3Store, clip: Path
) -> None:
    s3.gate.fault = lambda method, path: 409 if method == "PUT" and KEY in path else None

    with pytest.raises(StorageUnavailable, match="try again"):
        s3_store.create(KEY, clip, "video/mp4")


def test_large_clip_goes_up_in_parts(s3: S3Server, s3_store: S3Store, big_clip: Path) -> None:
    s3_store.create(KEY, big_clip, "video/mp4")

    assert sum("partNumber=" in line for line in s3.gate.requests) == 3
    assert b"".join(s3_store.read(KEY)) == big_clip.read_bytes()
    assert s3_store.info(KEY).content_type == "video/mp4"
    assert (
        b"".join(s3_store.read(KEY, 8_388_600, 8_388_620))
        == (big_clip.read_bytes()[8_388_600:8_388_620])
    )


def test_large_clip_does_not_overwrite(
    s3: S3Server, s3_store: S3Store, clip: Path, big_clip: Path
) -> None:
    s3_store.create(KEY, clip, "video/mp4")

    with pytest.raises(BlobExists):
        s3_store.create(KEY, big_clip, "video/mp4")

    assert b"".join(s3_store.read(KEY)) == clip.read_bytes()
    assert _open_uploads(s3) == []


def test_failed_part_aborts_the_upload(s3: S3Server, s3_store: S3Store, big_clip: Path) -> None:
    s3.gate.fault = lambda _method, path: 503 if "partNumber=2" in path else None

    with pytest.raises(StorageUnavailable):
        s3_store.create(KEY, big_clip, "video/mp4")

    s3.gate.fault = lambda _method, _path: None
    assert _open_uploads(s3) == []
    with pytest.raises(NotFound):
        s3_store.info(KEY)


def test_failed_abort_is_said_and_the_first_error_stays(
    s3: S3Server, s3_store: S3Store, big_clip: Path
) -> None:
    s3_store._prove_service()
    s3.gate.fault = lambda method, path: 403 if "partNumber" in path or method == "DELETE" else None

    with pytest.raises(StorageUnavailable) as caught:
        s3_store.create(KEY, big_clip, "video/mp4")

    assert caught.value.__cause__ is not None
    assert "lifecycle rule" in caught.value.__cause__.__notes__[0]
    s3.gate.fault = lambda _method, _path: None
    client = s3.client()
    for upload in client.list_multipart_uploads(Bucket=s3.bucket)["Uploads"]:
        client.abort_multipart_upload(
            Bucket=s3.bucket, Key=upload["Key"], UploadId=upload["UploadId"]
        )
    client.close()


def test_file_that_changes_during_the_upload_is_not_published(
    s3: S3Server, s3_store: S3Store, big_clip: Path
) -> None:
    def change_the_file(_method: str, path: str) -> int | None:
        if "partNumber=1" in path:
            with big_clip.open("r+b") as file:
                file.seek(19_000_000)
                file.write(b"ruin!")
        return None

    s3.gate.fault = change_the_file

    with pytest.raises(StorageUnavailable, match="damaged: SHA-256"):
        s3_store.create(KEY, big_clip, "video/mp4")

    assert _open_uploads(s3) == []
    assert s3_store.keys("results") == []
