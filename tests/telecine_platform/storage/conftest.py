"""One S3 server for all storage tests, emptied after each; each test has a folder of its own."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from telecine_platform.storage.local import LocalStore
from telecine_platform.storage.open import open_store
from telecine_platform.storage.s3 import S3Store
from telecine_platform.storage.store import QUARANTINE, RESULTS, BlobStore
from tests.s3_server import S3Server, s3_server

PREFIX = "tests/telecine"


@pytest.fixture(scope="session")
def running_s3() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture
def s3(running_s3: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[S3Server]:
    """The server with its keys in the environment, and its clock and faults put back afterwards."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in running_s3.environ().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    running_s3.gate.requests.clear()
    yield running_s3
    running_s3.gate.fault = lambda _method, _path: None
    running_s3.gate.now = lambda: datetime.now(UTC)


@pytest.fixture(scope="session")
def opened() -> dict[str, S3Store]:
    """The one store that tests share: making a boto3 client takes longer than most tests."""
    return {}


@pytest.fixture
def s3_store(s3: S3Server, opened: dict[str, S3Store]) -> Iterator[S3Store]:
    if s3.bucket not in opened:
        opened[s3.bucket] = S3Store(s3.bucket, PREFIX, s3.endpoint_url)
    yield opened[s3.bucket]
    s3.gate.fault = lambda _method, _path: None
    for folder in (RESULTS, QUARANTINE):
        opened[s3.bucket].delete(folder)


@pytest.fixture
def local_store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "blobs")


@pytest.fixture(params=["local", "s3"])
def store(request: pytest.FixtureRequest) -> BlobStore:
    """Both homes: the contract suite runs on each."""
    home: BlobStore = request.getfixturevalue(f"{request.param}_store")
    return home


@pytest.fixture
def reopened(store: BlobStore, s3: S3Server, tmp_path: Path) -> BlobStore:
    """The same home as `store`, as another process would open it."""
    if isinstance(store, S3Store):
        return open_store(f"s3://{s3.bucket}/{PREFIX}", s3.endpoint_url)
    return open_store((tmp_path / "blobs").as_uri(), None)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A source file with 3,000,000 bytes in which each position can be told: 3 chunks."""
    path = tmp_path / "clip.mp4"
    path.write_bytes(array("I", range(750_000)).tobytes())
    return path
