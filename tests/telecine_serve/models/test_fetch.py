"""A model comes whole and verified, once per node, or not at all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from telecine_platform.errors import ModelError, SettingsError, TelecineError
from telecine_serve.models.checksums import write_checksums
from telecine_serve.models.fetch import fetch_model
from tests.s3_server import s3_server


def small_model(folder: Path) -> Path:
    """Files of a model's shape; nothing here loads them."""
    (folder / "transformer").mkdir(parents=True)
    (folder / "model_index.json").write_text("{}")
    (folder / "transformer" / "a.safetensors").write_bytes(b"weights" * 1000)
    write_checksums(folder)
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_pods_of_a_node_fetch_once(tmp_path: Path) -> None:
    source = small_model(tmp_path / "source" / "wan")
    target = tmp_path / "cache" / "wan"
    with ThreadPoolExecutor(4) as pool:
        copied = list(pool.map(lambda _: fetch_model(source.as_uri(), None, target), range(4)))
    assert sorted(copied) == [False, False, False, True]
    assert files_of(target) == files_of(source)
    assert [path.name for path in target.parent.iterdir() if path.is_dir()] == ["wan"]


def test_model_comes_from_a_bucket_that_others_filled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = small_model(tmp_path / "wan")
    with s3_server() as server:
        for name, value in server.environ().items():
            monkeypatch.setenv(name, value)
        client = server.client()
        for name, content in files_of(source).items():
            client.put_object(Bucket=server.bucket, Key=f"models/wan/{name}", Body=content)
        client.close()
        url = f"s3://{server.bucket}/models/wan"
        assert fetch_model(url, server.endpoint_url, tmp_path / "cache" / "wan")
    assert files_of(tmp_path / "cache" / "wan") == files_of(source)


def test_damaged_weights_leave_nothing(tmp_path: Path) -> None:
    source = small_model(tmp_path / "source" / "wan")
    (source / "transformer" / "a.safetensors").write_bytes(b"other")
    with pytest.raises(ModelError, match="damaged or changed"):
        fetch_model(source.as_uri(), None, tmp_path / "cache" / "wan")
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [".wan.lock"]


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ("s3://bucket", SettingsError, "must be s3://"),
        ("wan", SettingsError, "must be s3://"),
        ("ftp://host/models/wan", SettingsError, "must be s3://"),
        ("file:///nowhere/at/all", ModelError, "model_index.json"),
    ],
)
def test_source_without_a_model_is_refused(
    tmp_path: Path, source: str, error: type[TelecineError], message: str
) -> None:
    with pytest.raises(error, match=message):
        fetch_model(source, None, tmp_path / "wan")
