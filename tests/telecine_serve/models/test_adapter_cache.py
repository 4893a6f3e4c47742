"""Adapters of a bucket come whole and verified, once per node; the disk keeps the latest."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
import torch

from telecine_platform.catalogue import card_from_name
from telecine_platform.errors import ModelError, StorageUnavailable
from telecine_platform.settings import Settings
from telecine_serve.engine.adapters import Adapters
from telecine_serve.engine.start import start_engine
from telecine_serve.engine.step_control import StepControl
from telecine_serve.gang.adapters import open_adapters
from telecine_serve.models.adapter_cache import ADAPTER_FILE, AdapterCache
from telecine_serve.models.checksums import write_checksums
from tests.s3_server import S3Server, s3_server
from tests.telecine_serve.models.adapter_folder import write_adapter
from tests.telecine_serve.specs import small_spec

_CPU = torch.device("cpu")
_BYTES = b"weights" * 1000


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture
def bucket(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    for name, value in server.environ().items():
        monkeypatch.setenv(name, value)
    fault = server.gate.fault
    yield server
    server.gate.fault = fault


def upload(server: S3Server, folder: Path, prefix: str) -> None:
    client = server.client()
    for path in folder.rglob("*"):
        if path.is_file():
            key = f"{prefix}/{path.relative_to(folder).as_posix()}"
            client.put_object(Bucket=server.bucket, Key=key, Body=path.read_bytes())
    client.close()


def small_adapter(folder: Path) -> Path:
    """A file of an adapter's name; nothing here loads it."""
    folder.mkdir(parents=True)
    (folder / ADAPTER_FILE).write_bytes(_BYTES)
    write_checksums(folder)
    return folder


def cache_of(
    source: str, folder: Path, server: S3Server | None = None, *, num: int = 4, size: int = 10**6
) -> AdapterCache:
    endpoint = None if server is None else server.endpoint_url
    return AdapterCache(source, endpoint, folder, max_adapters=num, max_adapter_bytes=size)


def names_in(folder: Path) -> set[str]:
    """Of what is kept there."""
    return {path.name for path in folder.iterdir() if path.is_dir()}


def test_ranks_of_a_node_fetch_an_adapter_once(bucket: S3Server, tmp_path: Path) -> None:
    upload(bucket, small_adapter(tmp_path / "film"), "once/film")
    read = []

    def count(method: str, path: str) -> None:
        if method == "GET" and path.endswith(ADAPTER_FILE):
            read.append(path)

    bucket.gate.fault = count
    together = Barrier(4)

    def use(_: int) -> bytes:
        # A cache each, as each rank is a process of its own.
        cache = cache_of(f"s3://{bucket.bucket}/once", tmp_path / "cache", bucket)
        together.wait()
        with cache.at_hand("film") as folder:
            return (folder / ADAPTER_FILE).read_bytes()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(use, range(4))) == [_BYTES] * 4
    assert len(read) == 1


def test_engine_adapts_to_what_lies_in_a_bucket(
    bucket: S3Server, embedded_folder: Path, tmp_path: Path
) -> None:
    folder = write_adapter(embedded_folder, tmp_path / "adapters")
    upload(bucket, folder, "house")
    settings = Settings(
        adapters="film",
        adapters_url=f"s3://{bucket.bucket}/house",
        data_dir=tmp_path / "data",
        s3_endpoint_url=bucket.endpoint_url,
    )
    card, spec = card_from_name("embedded"), small_spec(adapter="film")
    local = start_engine(
        embedded_folder, card, _CPU, adapters=Adapters(folder, frozenset({"film"}), 1)
    )
    fetched = start_engine(embedded_folder, card, _CPU, adapters=open_adapters(settings))

    assert torch.equal(fetched.denoise(spec, StepControl()), local.denoise(spec, StepControl()))
    assert names_in(tmp_path / "data" / "adapters") == {"film"}


def test_bucket_that_is_down_leaves_nothing(bucket: S3Server, tmp_path: Path) -> None:
    upload(bucket, small_adapter(tmp_path / "film"), "down/film")
    bucket.gate.fault = lambda _method, path: 503 if path.endswith(ADAPTER_FILE) else None
    cache = cache_of(f"s3://{bucket.bucket}/down", tmp_path / "cache", bucket)

    with pytest.raises(StorageUnavailable), cache.at_hand("film"):
        pass

    assert names_in(tmp_path / "cache") == set()


def test_damaged_adapter_leaves_nothing(tmp_path: Path) -> None:
    adapter = small_adapter(tmp_path / "source" / "film")
    (adapter / ADAPTER_FILE).write_bytes(b"other")
    cache = cache_of((tmp_path / "source").as_uri(), tmp_path / "cache")

    with pytest.raises(ModelError, match="damaged or changed"), cache.at_hand("film"):
        pass

    assert names_in(tmp_path / "cache") == set()


def test_what_a_killed_rank_left_half_written_is_not_used(tmp_path: Path) -> None:
    small_adapter(tmp_path / "source" / "film")
    half = tmp_path / "cache" / ".film~abc"
    half.mkdir(parents=True)
    (half / ADAPTER_FILE).write_bytes(b"wei")
    cache = cache_of((tmp_path / "source").as_uri(), tmp_path / "cache")

    with cache.at_hand("film") as folder:
        assert (folder / ADAPTER_FILE).read_bytes() == _BYTES

    assert names_in(tmp_path / "cache") == {"film"}


@pytest.mark.parametrize("is_in_bucket", [True, False])
def test_adapter_that_is_too_large_is_not_fetched(
    bucket: S3Server, tmp_path: Path, is_in_bucket: bool
) -> None:
    upload(bucket, small_adapter(tmp_path / "source" / "film"), "large/film")
    in_bucket, in_folder = f"s3://{bucket.bucket}/large", (tmp_path / "source").as_uri()
    source = in_bucket if is_in_bucket else in_folder
    cache = cache_of(source, tmp_path / "cache", bucket, size=len(_BYTES) - 1)

    with pytest.raises(ModelError, match="larger than the 6999 bytes"), cache.at_hand("film"):
        pass

    assert names_in(tmp_path / "cache") == set()


def test_disk_keeps_the_latest_used_adapters(tmp_path: Path) -> None:
    for name in ("film", "ink", "wood"):
        small_adapter(tmp_path / "source" / name)
    cache = cache_of((tmp_path / "source").as_uri(), tmp_path / "cache", num=2)
    for used_at_s, name in enumerate(("film", "ink", "film")):
        with cache.at_hand(name) as folder:
            pass
        os.utime(folder, (used_at_s, used_at_s))

    with cache.at_hand("wood"):
        assert names_in(tmp_path / "cache") == {"film", "wood"}


def test_adapter_that_another_rank_has_just_dropped_is_no_error(tmp_path: Path) -> None:
    small_adapter(tmp_path / "source" / "film")
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "gone").symlink_to("nowhere")  # listed, and not there
    cache = cache_of((tmp_path / "source").as_uri(), tmp_path / "cache", num=1)

    with cache.at_hand("film") as folder:
        assert (folder / ADAPTER_FILE).read_bytes() == _BYTES


def test_adapter_that_is_being_loaded_stays(tmp_path: Path) -> None:
    for name in ("film", "ink"):
        small_adapter(tmp_path / "source" / name)
    cache = cache_of((tmp_path / "source").as_uri(), tmp_path / "cache", num=1)

    with cache.at_hand("film") as film, cache.at_hand("ink"):
        assert (film / ADAPTER_FILE).read_bytes() == _BYTES
    with cache.at_hand("film"):
        pass  # it is there still, so nothing is fetched and nothing dropped

    assert names_in(tmp_path / "cache") == {"film", "ink"}


def test_fetched_adapter_that_nobody_vouches_for_is_not_used(
    embedded_folder: Path, tmp_path: Path
) -> None:
    write_adapter(embedded_folder, tmp_path / "adapters")
    settings = Settings(
        adapters="film",
        adapters_url=(tmp_path / "adapters").as_uri(),
        data_dir=tmp_path / "data",
        model_keys_file=embedded_folder / "development-key.pem",
    )
    engine = start_engine(
        embedded_folder, card_from_name("embedded"), _CPU, adapters=open_adapters(settings)
    )

    for _ in range(2):  # also when it is on the disk already
        with pytest.raises(ModelError, match="nobody vouches for"):
            engine.denoise(small_spec(adapter="film"), StepControl())


def test_source_has_to_be_a_bucket_or_a_folder() -> None:
    with pytest.raises(ValueError, match="s3://bucket/adapters"):
        Settings(adapters_url="https://example.org/adapters")
