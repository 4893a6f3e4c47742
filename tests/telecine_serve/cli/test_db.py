"""`telecine db` on a database of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from telecine_platform.errors import SchemaMismatch
from telecine_platform.migrations import HEAD
from telecine_serve.cli.main import cli


def test_database_is_checked_upgraded_and_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TELECINE_DATA_DIR", str(tmp_path))
    runner = CliRunner()
    early = runner.invoke(cli, ["db", "check"]).exception
    assert isinstance(early, SchemaMismatch)
    assert "telecine db upgrade" in str(early)
    assert runner.invoke(cli, ["db", "upgrade"]).stdout == f"schema {HEAD}, newest {HEAD}\n"
    assert runner.invoke(cli, ["db", "check"]).exit_code == 0
    shown = json.loads(runner.invoke(cli, ["db", "current", "--json"]).stdout)
    assert shown == {"revision": HEAD, "newest": HEAD}
