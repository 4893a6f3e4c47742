"""The local folder: damage, links, empty folders."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from telecine_platform.errors import InvalidRequest, StorageUnavailable
from telecine_platform.storage.local import LocalStore

KEY = "results/video_1/1/clip.mp4"


def _files(root: Path) -> list[str]:
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())


def _pipe_source(tmp_path: Path) -> Path:
    source = tmp_path / "pipe"
    os.mkfifo(source)
    return source


def test_content_damaged_between_writing_and_publishing_is_refused(
    local_store: LocalStore, tmp_path: Path
) -> None:
    source, errors = _pipe_source(tmp_path), list[StorageUnavailable]()

    def create() -> None:
        try:
            local_store.create(KEY, source, "video/mp4")
        except StorageUnavailable as error:
            errors.append(error)

    writer = threading.Thread(target=create)
    writer.start()
    with source.open("wb") as pipe:
        pipe.write(b"a" * 10)
        # Space that the store will not write again: the "disk" changes what comes later.
        [unfinished] = (tmp_path / "blobs" / ".incoming").iterdir()
        with unfinished.open("r+b") as file:
            file.truncate(20)
            file.seek(15)
            file.write(b"ruin!")
    writer.join()

    assert "is damaged: SHA-256" in str(errors[0])
    assert _files(tmp_path / "blobs") == [".lock"]


def test_stored_content_damaged_later_is_not_downloaded(
    local_store: LocalStore, clip: Path, tmp_path: Path
) -> None:
    local_store.create(KEY, clip, "video/mp4")
    with (tmp_path / "blobs" / KEY).open("r+b") as file:
        file.write(b"ruin!")

    with pytest.raises(StorageUnavailable, match="damaged"):
        local_store.download(KEY, tmp_path / "copy")

    assert sorted(p.name for p in tmp_path.iterdir()) == ["blobs", "clip.mp4"]


@pytest.mark.parametrize("record", ["", "[]", '{"sha256": "x"}', None])
def test_blob_without_its_record_is_an_error_not_a_guess(
    local_store: LocalStore, clip: Path, tmp_path: Path, record: str | None
) -> None:
    local_store.create(KEY, clip, "video/mp4")
    path = tmp_path / "blobs" / ".info" / f"{KEY}.json"
    path.unlink() if record is None else path.write_text(record)

    with pytest.raises(StorageUnavailable, match="record"):
        local_store.info(KEY)


def test_truncated_blob_is_noticed(local_store: LocalStore, clip: Path, tmp_path: Path) -> None:
    local_store.create(KEY, clip, "video/mp4")
    os.truncate(tmp_path / "blobs" / KEY, 10)

    with pytest.raises(StorageUnavailable, match="it has 10 bytes, its record says 3000000"):
        local_store.info(KEY)


def test_record_left_by_a_crash_does_not_block_the_key(
    local_store: LocalStore, clip: Path, tmp_path: Path
) -> None:
    record = tmp_path / "blobs" / ".info" / f"{KEY}.json"
    record.parent.mkdir(parents=True)
    record.write_text('{"content_type": "old", "sha256": "old", "size_bytes": 1}')

    assert local_store.keys("results") == []
    assert local_store.create(KEY, clip, "video/mp4") == local_store.info(KEY)


def test_delete_leaves_no_empty_folders(
    local_store: LocalStore, clip: Path, tmp_path: Path
) -> None:
    local_store.create(KEY, clip, "video/mp4")

    local_store.delete("results/video_1")

    left = sorted(path.name for path in (tmp_path / "blobs").rglob("*"))
    assert left == [".incoming", ".info", ".lock"]


@pytest.mark.parametrize("name", ["file", "folder"])
def test_symbolic_link_is_not_followed(
    local_store: LocalStore, clip: Path, tmp_path: Path, name: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    results = tmp_path / "blobs" / "results"
    results.mkdir(parents=True)
    (results / "folder").symlink_to(outside)
    (results / "file").symlink_to(outside / "secret")
    key = f"results/{name}" if name == "file" else "results/folder/secret"

    for ask in (
        lambda: local_store.read(key),
        lambda: local_store.create(key, clip, "video/mp4"),
        lambda: local_store.delete(key),
    ):
        with pytest.raises(InvalidRequest, match="symbolic link"):
            ask()
    assert local_store.keys("results") == []
    assert (outside / "secret").read_text() == "secret"


@pytest.mark.parametrize("key", [f"{KEY}/below", "results/video_1"])
def test_key_cannot_also_be_a_folder(local_store: LocalStore, clip: Path, key: str) -> None:
    local_store.create(KEY, clip, "video/mp4")

    with pytest.raises(InvalidRequest, match="is, or lies below, another key"):
        local_store.create(key, clip, "video/mp4")

    assert local_store.keys("results") == [KEY]


def test_folder_that_is_a_file_fails_the_check(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_text("not a folder")

    with pytest.raises(StorageUnavailable, match="cannot use the folder"):
        LocalStore(tmp_path / "blobs").check()


def test_local_folder_has_no_urls(local_store: LocalStore, clip: Path) -> None:
    local_store.create(KEY, clip, "video/mp4")

    assert local_store.signed_url(KEY, 60, "clip.mp4") is None
