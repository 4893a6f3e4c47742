"""What every home of blobs promises, run on the local folder and on S3."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest

from telecine_platform.errors import BlobExists, InvalidRequest, NotFound, StorageUnavailable
from telecine_platform.storage.store import BlobStore, result_key

KEY = result_key("video_1", 1, "clip.mp4")


def test_created_blob_is_read_back_whole(store: BlobStore, clip: Path) -> None:
    store.create(KEY, clip, "video/mp4")

    assert b"".join(store.read(KEY)) == clip.read_bytes()


def test_info_survives_reopening(store: BlobStore, reopened: BlobStore, clip: Path) -> None:
    created = store.create(KEY, clip, "video/mp4")

    found = reopened.info(KEY)

    assert found == created
    assert found.content_type == "video/mp4"
    assert found.size_bytes == 3_000_000
    assert found.sha256 == hashlib.sha256(clip.read_bytes()).hexdigest()


def test_second_create_is_refused_and_first_content_stays(
    store: BlobStore, clip: Path, tmp_path: Path
) -> None:
    store.create(KEY, clip, "video/mp4")
    other = tmp_path / "other"
    other.write_bytes(b"other")

    with pytest.raises(BlobExists):
        store.create(KEY, other, "text/plain")

    assert b"".join(store.read(KEY)) == clip.read_bytes()
    assert store.info(KEY).content_type == "video/mp4"


def test_second_create_with_the_same_content_is_refused_too(store: BlobStore, clip: Path) -> None:
    store.create(KEY, clip, "video/mp4")

    with pytest.raises(BlobExists):
        store.create(KEY, clip, "video/mp4")


def test_exactly_one_of_many_concurrent_creates_wins(store: BlobStore, tmp_path: Path) -> None:
    sources = [tmp_path / f"source{number}" for number in range(6)]
    for source in sources:
        source.write_bytes(source.name.encode() * 1000)
    wins: list[bytes] = []
    start = threading.Barrier(len(sources))

    def write(source: Path) -> None:
        start.wait()
        try:
            store.create(KEY, source, f"text/{source.name}")
        except BlobExists:
            return
        wins.append(source.name.encode())

    threads = [threading.Thread(target=write, args=(source,)) for source in sources]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(wins) == 1
    assert b"".join(store.read(KEY)) == wins[0] * 1000
    assert store.info(KEY).content_type == f"text/{wins[0].decode()}"


def test_content_comes_in_chunks(store: BlobStore, clip: Path) -> None:
    store.create(KEY, clip, "video/mp4")

    assert [len(chunk) for chunk in store.read(KEY)] == [1_048_576, 1_048_576, 902_848]


@pytest.mark.parametrize(
    ("start", "end"),
    [(0, 1), (1_048_570, 1_048_580), (2_999_999, None), (5, 5), (2_999_990, 9_999_999)],
)
def test_range_is_half_open_and_cut_at_the_end(
    store: BlobStore, clip: Path, start: int, end: int | None
) -> None:
    store.create(KEY, clip, "video/mp4")

    assert b"".join(store.read(KEY, start, end)) == clip.read_bytes()[start:end]


def test_range_after_the_end_is_empty(store: BlobStore, clip: Path) -> None:
    store.create(KEY, clip, "video/mp4")

    assert list(store.read(KEY, 3_000_000)) == []


@pytest.mark.parametrize(("start", "end"), [(-1, None), (5, 4)])
def test_senseless_range_is_refused(store: BlobStore, start: int, end: int | None) -> None:
    with pytest.raises(InvalidRequest):
        store.read(KEY, start, end)


def test_empty_blob_is_stored_and_read(store: BlobStore, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()

    store.create(KEY, empty, "text/plain")

    assert list(store.read(KEY)) == []
    assert store.info(KEY).size_bytes == 0


def test_reader_that_stops_early_holds_nothing(store: BlobStore, clip: Path) -> None:
    store.create(KEY, clip, "video/mp4")

    chunks = store.read(KEY)
    next(chunks)
    del chunks

    assert store.delete("results") == 1


def test_missing_key_raises_at_the_call(store: BlobStore, tmp_path: Path) -> None:
    for ask in (
        lambda: store.info(KEY),
        lambda: store.read(KEY),
        lambda: store.read(KEY, 7, 7),
        lambda: store.download(KEY, tmp_path / "target"),
        lambda: store.signed_url(KEY, 60, "clip.mp4"),
    ):
        with pytest.raises(NotFound):
            ask()


def test_download_copies_the_blob(store: BlobStore, clip: Path, tmp_path: Path) -> None:
    store.create(KEY, clip, "video/mp4")

    store.download(KEY, tmp_path / "copy.mp4")

    assert (tmp_path / "copy.mp4").read_bytes() == clip.read_bytes()


def test_failed_download_leaves_nothing(store: BlobStore, clip: Path, tmp_path: Path) -> None:
    store.create(KEY, clip, "video/mp4")
    before = sorted(tmp_path.iterdir())

    with pytest.raises(StorageUnavailable):
        store.download(KEY, tmp_path / "no-folder" / "copy.mp4")

    assert sorted(tmp_path.iterdir()) == before


def test_missing_source_is_a_storage_error(store: BlobStore, tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable, match="missing"):
        store.create(KEY, tmp_path / "missing", "video/mp4")

    assert store.keys("results") == []


def test_check_passes_on_a_fresh_home(store: BlobStore) -> None:
    store.check()
