"""What all tests share: one PostgreSQL, and an environment that no test leaves changed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from telecine_platform.settings import PREFIX
from tests.databases import postgres_copier, sqlite_with_tables
from tests.postgres_server import PostgresServer, postgres_bin, postgres_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    folder = postgres_bin()
    if folder is None:
        pytest.skip("no PostgreSQL on this machine: apt-get install postgresql")
    with postgres_server(folder, is_durable=False) as server:  # tests kill it, none cuts the power
        yield server


@pytest.fixture(scope="session")
def postgres_with_tables(postgres: PostgresServer) -> Callable[[], str]:
    """Makes another database with every table in it and returns its URL."""
    return postgres_copier(postgres)


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """One on each database, with every table in it: what uses it runs twice."""
    if request.param == "sqlite":
        return sqlite_with_tables(tmp_path / "jobs.db")
    return str(request.getfixturevalue("postgres_with_tables")())


@pytest.fixture(autouse=True)
def own_environment() -> Iterator[None]:
    """A test that leaves a setting behind would change what later tests load: it fails itself."""
    found = _settings_in_environ()
    yield
    left = _settings_in_environ()
    for name in left.keys() - found.keys():
        del os.environ[name]
    os.environ.update(found)
    assert left == found, "the test changed TELECINE_ variables for those after it"


def _settings_in_environ() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
