"""What all tests share: one PostgreSQL, small records, one Ray instance (started on first use)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.postgres_server import PostgresServer, postgres_bin, postgres_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    folder = postgres_bin()
    if folder is None:
        pytest.skip("no PostgreSQL on this machine: apt-get install postgresql")
    with postgres_server(folder) as server:
        yield server
