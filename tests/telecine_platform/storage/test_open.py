"""From a storage URL to a home."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from telecine_platform.errors import SettingsError
from telecine_platform.storage.local import LocalStore
from telecine_platform.storage.open import open_store
from telecine_platform.storage.s3 import S3Store
from tests.s3_server import S3Server


def test_file_url_opens_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "with space"

    store = open_store(folder.as_uri(), None)
    store.check()

    assert isinstance(store, LocalStore)
    assert folder.is_dir()


def test_s3_url_opens_a_bucket(s3: S3Server) -> None:
    store = open_store(f"s3://{s3.bucket}", s3.endpoint_url)
    store.check()

    assert isinstance(store, S3Store)
    assert store.keys("results") == []


@pytest.mark.parametrize(
    ("url", "endpoint_url"),
    [
        ("", None),
        ("/var/lib/telecine", None),
        ("http://host/path", None),
        ("file:relative", None),
        ("file://host/path", None),
        ("file:///", None),
        ("s3:///prefix", None),
        ("s3://UPPER/prefix", None),
        ("s3://bucket/../x", None),
        ("s3://key:secret@bucket/x", None),
        ("s3://bucket/x?region=y", None),
        ("s3://bucket/x", "localhost:9000"),
        ("s3://bucket/x", "http://user:password@localhost:9000"),
    ],
)
def test_other_urls_are_settings_errors(url: str, endpoint_url: str | None) -> None:
    with pytest.raises(SettingsError) as caught:
        open_store(url, endpoint_url)

    assert "secret" not in str(caught.value)
    assert "password" not in str(caught.value)


def test_local_home_does_not_load_boto3(tmp_path: Path) -> None:
    code = (
        "import sys; from telecine_platform.storage.open import open_store;"
        f"open_store({tmp_path.as_uri()!r}, None).check();"
        "sys.exit('boto3' in sys.modules or 'botocore' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
