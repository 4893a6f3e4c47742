"""`telecine keys` and `telecine halt` on files and a database of their own, without a server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from telecine_platform.access.keys_file import read_keys
from telecine_platform.clock import utc_now
from telecine_platform.errors import NotFound, SettingsError, TelecineError
from telecine_serve.cli.main import cli


@pytest.fixture(autouse=True)
def _own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELECINE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("TELECINE_API_KEYS_FILE", str(tmp_path / "keys.yaml"))


def telecine(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def records(*arguments: str) -> list[dict[str, object]]:
    result = telecine(*arguments, "--json")
    assert result.exit_code == 0, (result.output, result.exception)
    return [json.loads(line) for line in result.stdout.splitlines()]


def refused(*arguments: str) -> TelecineError:
    error = telecine(*arguments).exception
    assert isinstance(error, TelecineError), error
    return error


def test_a_key_is_shown_once_and_rotated_and_revoked(tmp_path: Path) -> None:
    made = telecine("keys", "new", "acme", "--name", "ci", "--scope", "admin", "--days", "30")
    key = made.stdout.strip()
    assert "cannot be shown again" in made.stderr
    caller = read_keys(tmp_path / "keys.yaml").caller_from_key(key, utc_now())
    assert (caller.tenant_id, caller.is_admin) == ("acme", True)

    (listed,) = records("keys", "list")
    prefix = str(listed["prefix"])
    assert key.startswith(prefix)
    assert key not in json.dumps(listed)
    assert (listed["name"], listed["scopes"]) == ("ci", ["admin"])

    (successor,) = records("keys", "rotate", prefix)
    assert successor["key"] != key
    assert len(records("keys", "list")) == 2
    telecine("keys", "revoke", prefix)
    assert [each["prefix"] for each in records("keys", "list")] == [successor["prefix"]]
    assert str(successor["prefix"]) in telecine("keys", "list").stdout


def test_keys_without_a_file_say_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TELECINE_API_KEYS_FILE")
    error = refused("keys", "new", "acme")
    assert isinstance(error, SettingsError)
    assert "api_keys_file" in str(error)


def test_a_halt_is_ordered_listed_and_lifted() -> None:
    (halt,) = records("halt", "order", "region", "EU", "--reason", "A court order.")
    assert (halt["kind"], halt["value"], halt["mode"], halt["who"]) == (
        "region", "EU", "wait", "operator",
    )  # fmt: skip
    assert records("halt", "list") == [halt]
    (lifted,) = records("halt", "lift", str(halt["id"]))
    assert lifted["lifted_by"] == "operator"
    assert records("halt", "list") == []
    assert records("halt", "list", "--all") == [lifted]
    assert "lifted" in telecine("halt", "list", "--all").stdout
    assert isinstance(refused("halt", "lift", "halt_0"), NotFound)
