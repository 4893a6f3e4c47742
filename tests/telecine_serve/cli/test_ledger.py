"""`telecine ledger` and `telecine rights statement` on a database of their own."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from telecine_platform.errors import TelecineError
from telecine_platform.jobs.database import Database
from telecine_platform.ledger.append import append_event
from telecine_platform.ledger.sealer import Sealer
from telecine_platform.settings import Settings
from telecine_platform.storage.open import open_store
from telecine_safeguards.ledger.events import EventKind
from telecine_serve.cli.main import cli, exit_code_from_error
from tests.records import at

USE = {
    "grant_id": "g", "entity_id": "zorb", "tenant_id": "acme", "currency": "USD",
    "price_minor": 150, "shares": {"zorb": 2, "co": 1},
}  # fmt: skip


@pytest.fixture(autouse=True)
def _own_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Four events, sealed and signed as the API process does."""
    monkeypatch.setenv("TELECINE_DATA_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    settings = Settings(data_dir=tmp_path)
    with closing(Database(settings.resolved_database_url)) as database:
        database.create_tables(lambda _connection: None)
        with database.write() as connection:
            for job in ("video_1", "video_2"):
                append_event(connection, EventKind.LICENCE_USE, job, USE, at(0))
                append_event(connection, EventKind.RELEASE, job, {}, at(1))
        blobs = open_store(settings.resolved_storage_url, None)
        Sealer(database, blobs, settings, lambda: at(2)).round()
        yield


def telecine(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def refused(*arguments: str) -> str:
    error = telecine(*arguments).exception
    assert isinstance(error, TelecineError), error
    assert exit_code_from_error(error) == 2
    return str(error)


def change_row(number: int) -> None:
    with closing(sqlite3.connect("jobs.db")) as connection, connection:
        connection.execute("UPDATE ledger SET body = '{}' WHERE number = ?", (number,))


def test_untouched_ledger_holds() -> None:
    result = telecine("ledger", "verify")
    assert (result.exit_code, result.stdout) == (
        0, "the ledger holds: 4 rows, 1 heads, signed up to 4\n",
    )  # fmt: skip


def test_one_changed_row_is_named() -> None:
    change_row(3)
    result = telecine("ledger", "verify", "--json")
    fault, summary = map(json.loads, result.stdout.splitlines())
    assert (result.exit_code, fault["row"], summary["is_whole"]) == (1, 3, False)


def test_key_and_head_that_cannot_be_believed(tmp_path: Path) -> None:
    CliRunner().invoke(cli, ["rights", "new-key", "other.pem"])
    result = telecine("ledger", "verify", "--public-key", "other.pem.pub")
    assert (result.exit_code, "not trusted here" in result.stdout) == (1, True)
    assert "no readable PEM" in refused("ledger", "verify", "--public-key", "jobs.db")
    (head,) = tmp_path.glob("blobs/ledger/*/*.json")
    head.unlink()
    assert telecine("ledger", "verify").exit_code == 0  # nothing signed, nothing to hold it to


def test_exported_lines_hash_to_the_next_ones_previous() -> None:
    assert telecine("ledger", "export", "ledger.jsonl").exit_code == 0
    lines = Path("ledger.jsonl").read_text().splitlines()
    hashes = [hashlib.sha256(line.encode()).hexdigest() for line in lines]
    previous = [json.loads(line)["previous"] for line in lines]
    assert previous == ["0" * 64, *hashes[:-1]]
    assert "cannot write" in refused("ledger", "export", "ledger.jsonl")


def test_statement_of_a_co_owner() -> None:
    result = telecine("rights", "statement", "zorb", "--period", "2026-11", "--json")
    statement = json.loads(result.stdout)
    (line,) = statement["lines"]
    assert (line["num_uses"], line["total_minor"], line["amount_minor"]) == (2, 300, 200)
    assert statement["totals"] == [{"currency": "USD", "amount_minor": 200, "amount": "2.00"}]
    rows = telecine("rights", "statement", "co", "--period", "2026-11", "--csv").stdout.splitlines()
    assert rows[1] == "co,2026-11,g,zorb,acme,2,150,USD,300,1,3,100"
    nothing = telecine("rights", "statement", "zorb", "--period", "2026-10")
    assert nothing.stdout.splitlines()[-1] == "zorb, 2026-10, final"


def test_period_has_to_be_a_month_that_has_begun() -> None:
    assert "no month" in refused("rights", "statement", "zorb", "--period", "2026-13")
    assert "not begun" in refused("rights", "statement", "zorb", "--period", "2999-01")
