"""What every home promises about keys: listing, deleting, refusing. Run on both homes."""

from __future__ import annotations

from pathlib import Path

import pytest

from telecine_platform.errors import InvalidRequest, NotFound
from telecine_platform.storage.store import BlobStore, quarantine_key, result_key

KEY = result_key("video_1", 1, "clip.mp4")
ESCAPES = [
    "../secret",
    "results/../../secret",
    "/etc/passwd",
    "results//clip",
    "results/",
    "",
    ".",
    ".info/x.json",
    "results/.hidden",
    "results\\..\\secret",
    "results/a\x00b",
    "results/a b",
    "results/ä",
    "results/%2e%2e/x",
    "a" * 201,
    "/".join(["a" * 100] * 9),
]


def test_keys_are_sorted_and_only_below_the_folder(store: BlobStore, clip: Path) -> None:
    for key in ("results/v1/2/b", "results/v1/1/a", "results/v10/1/a", "quarantine/v1/1/a"):
        store.create(key, clip, "video/mp4")

    assert store.keys("results/v1") == ["results/v1/1/a", "results/v1/2/b"]
    assert store.keys("results/nothing") == []


def test_delete_removes_a_folder_and_spares_its_namesakes(store: BlobStore, clip: Path) -> None:
    for key in ("results/v1/1/a", "results/v1/2/b", "results/v10/1/a"):
        store.create(key, clip, "video/mp4")

    assert store.delete("results/v1") == 2
    assert store.delete("results/v1") == 0
    assert store.keys("results") == ["results/v10/1/a"]


def test_delete_removes_a_single_key(store: BlobStore, clip: Path) -> None:
    store.create(KEY, clip, "video/mp4")

    assert store.delete(KEY) == 1
    with pytest.raises(NotFound):
        store.info(KEY)


def test_deleted_key_can_be_created_anew(store: BlobStore, clip: Path) -> None:
    store.create(KEY, clip, "video/mp4")
    store.delete(KEY)

    assert store.create(KEY, clip, "video/webm").content_type == "video/webm"


@pytest.mark.parametrize("key", ESCAPES)
def test_key_that_could_leave_the_home_is_refused(store: BlobStore, clip: Path, key: str) -> None:
    for ask in (
        lambda: store.create(key, clip, "video/mp4"),
        lambda: store.info(key),
        lambda: store.read(key),
        lambda: store.keys(key),
        lambda: store.delete(key),
        lambda: store.signed_url(key, 60, "clip.mp4"),
    ):
        with pytest.raises(InvalidRequest):
            ask()


def test_quarantined_clip_never_gets_a_url(store: BlobStore, clip: Path) -> None:
    key = quarantine_key("video_1", 1, "clip.mkv")
    store.create(key, clip, "video/x-matroska")

    with pytest.raises(InvalidRequest, match="only keys below 'results/' are released"):
        store.signed_url(key, 60, "clip.mkv")


@pytest.mark.parametrize("filename", ['a".mp4', "a\r\nX: y", "../a.mp4", ""])
def test_odd_download_name_is_refused(store: BlobStore, filename: str) -> None:
    with pytest.raises(InvalidRequest):
        store.signed_url(KEY, 60, filename)


@pytest.mark.parametrize("expires_s", [0, -1, 604_801])
def test_odd_expiry_is_refused(store: BlobStore, expires_s: int) -> None:
    with pytest.raises(InvalidRequest):
        store.signed_url(KEY, expires_s, "clip.mp4")
