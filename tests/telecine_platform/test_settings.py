from __future__ import annotations

import os
from pathlib import Path

import pytest

from telecine_platform.errors import SettingsError
from telecine_platform.settings import export_settings, load_settings


def test_variable_wins_over_file_and_flag_over_both(tmp_path: Path) -> None:
    file = tmp_path / "telecine.yaml"
    file.write_text("port: 1\nlease_s: 20\nmodel: from-file\n")
    environ = {"TELECINE_PORT": "2", "TELECINE_MODEL": "from-environ", "OTHER": "x"}
    settings = load_settings(file, environ, {"port": 3, "host": None})
    assert (settings.port, settings.model, settings.lease_s) == (3, "from-environ", 20.0)
    assert settings.host == "127.0.0.1"


def test_toml_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "telecine.toml"
    file.write_text('database_url = "postgresql://db/x"\n')
    assert load_settings(file, {}).resolved_database_url == "postgresql://db/x"


def test_empty_urls_lie_in_the_data_folder(tmp_path: Path) -> None:
    settings = load_settings(environ={"TELECINE_DATA_DIR": str(tmp_path)})
    assert settings.resolved_database_url == f"sqlite:///{tmp_path}/jobs.db"
    assert settings.resolved_storage_url == f"file://{tmp_path}/blobs"


def test_exported_settings_read_back_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", {"TELECINE_OLD_LEFT_OVER": "gone"})
    environ = {"TELECINE_DATA_DIR": str(tmp_path), "TELECINE_NUM_RANKS": "4"}
    settings = load_settings(environ=environ)
    export_settings(settings)
    assert load_settings() == settings


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"TELECINE_LEASES": "3"}, "leases: no such setting"),
        ({"TELECINE_PORT": "seventy"}, "port: .*got 'seventy'"),
        ({"TELECINE_PORT": "70000"}, "port: .*got '70000'"),
        ({"TELECINE_LEASE_S": "5", "TELECINE_HEARTBEAT_S": "4"}, "at least twice heartbeat_s"),
        ({"TELECINE_DRAIN_S": "10"}, "must exceed job_timeout_s"),
        ({"TELECINE_RANK_DEVICE": "tpu"}, "rank_device: "),
        ({"TELECINE_GENERATION_MIN_REPLICAS": "2"}, "must not exceed generation_max_replicas"),
    ],
)
def test_wrong_setting_says_which_and_why(environ: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        load_settings(environ=environ)


def test_wrong_url_is_not_quoted() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(overrides={"database_url": ["postgresql://u:secret@db"]})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("missing.yaml", None),
        ("list.yaml", "- a\n"),
        ("broken.yaml", "a: [\n"),
        ("broken.toml", "a = \n"),
        ("bytes.yaml", b"\xff\xfe\x00"),
        ("wrong.ini", "a=1"),
    ],
)
def test_unreadable_file_is_named(tmp_path: Path, name: str, content: str | bytes | None) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SettingsError, match=name):
        load_settings(file, {})
