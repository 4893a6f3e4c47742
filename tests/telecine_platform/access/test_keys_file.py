"""The keys file: what it says, and that a broken one admits nobody."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from telecine_platform.access.authenticate import Authenticator, authenticator_from_settings
from telecine_platform.access.callers import Caller
from telecine_platform.access.keys import digest_from_key
from telecine_platform.access.keys_file import read_keys, write_keys
from telecine_platform.errors import SettingsError, Unauthenticated
from telecine_platform.settings import Settings
from tests.records import START

DIGEST = digest_from_key("k")


def test_without_a_keys_file_everybody_is_the_default_tenant(tmp_path: Path) -> None:
    everybody = authenticator_from_settings(Settings(data_dir=tmp_path))
    caller = everybody.caller_from_header("Bearer whatever", START)
    assert (caller.tenant_id, len(caller.scopes)) == ("default", 5)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "- a",
        "a: [secret-key-itself",
        "a: []",
        "a: secret-key-itself",
        "a: [secret-key-itself]",
        "a: [123]",
        "a b: ['" + "0" * 64 + "']",
        "a: ['" + "0" * 64 + "']\nb: ['" + "0" * 64 + "']",
    ],
)
def test_a_broken_keys_file_stops_the_start(tmp_path: Path, text: str) -> None:
    file = tmp_path / "keys.yaml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=r"keys\.yaml") as caught:
        read_keys(file)
    assert "secret-key-itself" not in str(caught.value)


def test_a_missing_keys_file_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        read_keys(tmp_path / "none.yaml")


def caller_of(tmp_path: Path, document: object, key: str = "k") -> Caller:
    file = tmp_path / "keys.yaml"
    file.write_text(json.dumps(document))
    return read_keys(file).caller_from_key(key, START)


def test_an_unknown_key_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(Unauthenticated) as caught:
        caller_of(tmp_path, {"a": [DIGEST]}, "wrong-key")
    assert "wrong-key" not in str(caught.value)


def test_keys_have_the_scopes_of_their_group(tmp_path: Path) -> None:
    other = {"keys": ["0" * 64], "scopes": ["admin"]}
    for document, scopes in (
        ({"a": [DIGEST]}, {"read", "submit"}),
        ({"a": [DIGEST.upper()]}, {"read", "submit"}),
        ({"a": {"keys": [DIGEST]}}, {"read", "submit"}),
        ({"a": {"keys": [{"sha256": DIGEST, "name": "ci"}]}}, {"read", "submit"}),
        ({"a": {"keys": [DIGEST], "scopes": ["rights"]}}, {"rights"}),
        ({"a": [other, {"keys": [DIGEST], "scopes": ["review"]}]}, {"review"}),
    ):
        assert caller_of(tmp_path, document).scopes == scopes


@pytest.mark.parametrize(
    "group",
    [
        {"keys": [], "scopes": ["read"]},
        {"keys": ["0" * 64], "scopes": []},
        {"keys": ["0" * 64], "scopes": ["root"]},
        {"keys": ["0" * 64], "scope": ["read"]},
        {"keys": [{"sha256": "0" * 64, "expires_at": "2026-12-01T00:00:00"}]},  # in which zone?
        {"keys": [{"prefix": "tlc_1"}]},
        {"scopes": ["read"]},
    ],
)
def test_a_broken_group_of_keys_stops_the_start(tmp_path: Path, group: object) -> None:
    with pytest.raises(SettingsError, match=r"keys\.yaml"):
        caller_of(tmp_path, {"a": group})


def test_an_expired_key_opens_nothing_and_says_which_it_is(tmp_path: Path) -> None:
    row = {"sha256": DIGEST, "prefix": "tlc_1", "expires_at": START.isoformat()}
    with pytest.raises(Unauthenticated, match=r"tlc_1.*expired"):
        caller_of(tmp_path, {"a": {"keys": [row]}})
    row["expires_at"] = (START + timedelta(seconds=1)).isoformat()
    assert caller_of(tmp_path, {"a": {"keys": [row]}}).tenant_id == "a"


def test_what_is_written_reads_back_the_same_and_keeps_the_files_mode(tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    rows = [{"sha256": "1" * 64, "name": "ci", "expires_at": "2026-12-01T00:00:00Z"}]
    groups = [{"keys": rows, "scopes": ["admin"]}, {"keys": ["2" * 64]}]
    file.write_text(json.dumps({"b": groups, "a": ["3" * 64]}))
    file.chmod(0o640)
    keys = read_keys(file)
    write_keys(file, keys)
    assert set(read_keys(file).keys) == set(keys.keys)
    assert file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["keys.yaml"]


def test_a_header_needs_a_bearer_key(tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    file.write_text(json.dumps({"a": [DIGEST]}))
    door: Authenticator = authenticator_from_settings(
        Settings(data_dir=tmp_path, api_keys_file=file)
    )
    assert door.caller_from_header("bearer  k ", START).tenant_id == "a"
    for header in (None, "", "k", "Basic k", "Bearer", "Bearer other"):
        with pytest.raises(Unauthenticated):
            door.caller_from_header(header, START)
