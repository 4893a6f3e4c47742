"""A job store on each database: what is tested on it runs on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from telecine_platform.jobs.store import JobStore


@pytest.fixture(params=["sqlite", "postgres"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Without any table."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'jobs.db'}"
    return str(request.getfixturevalue("postgres").new_database())


@pytest.fixture
def jobs(database_url: str) -> Iterator[JobStore]:
    store = JobStore(database_url)
    store.create_tables()
    yield store
    store.close()
