"""The local folder when a writer dies, is slow, loses a race or runs out of space."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from telecine_platform.errors import BlobExists, StorageUnavailable
from telecine_platform.storage.local import LocalStore
from telecine_platform.storage.transfer import translated_os_errors

KEY = "results/video_1/1/clip.mp4"
_CREATE = """
import sys
from pathlib import Path
from telecine_platform.storage.local import LocalStore
LocalStore(Path(sys.argv[1])).create(sys.argv[2], Path(sys.argv[3]), "video/mp4")
"""
_CREATE_WITH_LITTLE_SPACE = (
    "import resource, signal\n"
    "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))\n" + _CREATE
)


def _files(root: Path) -> list[str]:
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())


def _pipe_source(tmp_path: Path) -> Path:
    source = tmp_path / "pipe"
    os.mkfifo(source)
    return source


def test_process_killed_in_create_leaves_no_blob_and_its_rest_is_swept(
    local_store: LocalStore, tmp_path: Path, clip: Path
) -> None:
    source, root = _pipe_source(tmp_path), tmp_path / "blobs"
    writer = subprocess.Popen([sys.executable, "-c", _CREATE, str(root), KEY, str(source)])
    with source.open("wb") as pipe:  # opens when the child has begun to read
        pipe.write(b"x" * 100_000)
        pipe.flush()
        writer.send_signal(signal.SIGKILL)
        writer.wait()

    assert local_store.keys("results") == []
    assert len(list((root / ".incoming").iterdir())) == 1
    local_store.create(KEY, clip, "video/mp4")
    assert _files(root) == [f".info/{KEY}.json", ".lock", KEY]


def test_living_writer_is_not_swept(local_store: LocalStore, tmp_path: Path, clip: Path) -> None:
    source = _pipe_source(tmp_path)
    slow = threading.Thread(target=local_store.create, args=(KEY, source, "video/mp4"))
    slow.start()
    with source.open("wb") as pipe:
        local_store.create("results/other", clip, "video/mp4")
        pipe.write(b"slow")
    slow.join()

    assert b"".join(local_store.read(KEY)) == b"slow"


def test_file_that_cannot_grow_leaves_nothing(
    local_store: LocalStore, clip: Path, tmp_path: Path
) -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    command = [sys.executable, "-c", _CREATE_WITH_LITTLE_SPACE, str(tmp_path / "blobs"), KEY]

    child = subprocess.run([*command, str(clip)], capture_output=True, text=True, check=False)

    assert "StorageUnavailable: cannot store" in child.stderr
    assert _files(tmp_path / "blobs") == [".lock"]
    assert local_store.keys("results") == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_full_disk_says_what_to_do() -> None:
    with (
        pytest.raises(
            StorageUnavailable, match="cannot write a clip: the disk is full: free space"
        ),
        translated_os_errors("write a clip"),
        Path("/dev/full").open("wb", buffering=0) as full,
    ):
        full.write(b"x")


def test_blob_of_another_writer_survives_a_lost_race(
    local_store: LocalStore, tmp_path: Path, clip: Path
) -> None:
    source = _pipe_source(tmp_path)
    errors: list[BlobExists] = []

    def create() -> None:
        try:
            local_store.create(KEY, source, "text/late")
        except BlobExists as error:
            errors.append(error)

    late = threading.Thread(target=create)
    late.start()
    with source.open("wb"):
        local_store.create(KEY, clip, "video/mp4")
    late.join()

    assert len(errors) == 1
    assert local_store.info(KEY).content_type == "video/mp4"
    assert b"".join(local_store.read(KEY)) == clip.read_bytes()
