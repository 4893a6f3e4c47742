"""Databases with every table in them: the steps of the schema run once, and tests take copies.

`tests/telecine_platform/migrations` tests the steps themselves, on empty databases.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from telecine_platform.jobs.store import JobStore
from tests.postgres_server import PostgresServer


def sqlite_with_tables(file: Path) -> str:
    """Write the database to `file`, unless it is there, and return its URL."""
    if not file.exists():
        file.write_bytes(_sqlite_content())
    return f"sqlite:///{file}"


def open_jobs(folder: Path) -> JobStore:
    """The store of the embedded defaults in data folder `folder`."""
    return JobStore(sqlite_with_tables(folder / "jobs.db"))


def postgres_copier(server: PostgresServer) -> Callable[[], str]:
    """What makes a copy and returns its URL."""
    template = server.new_database()
    _create_tables(template)
    return lambda: server.new_database(template)


@cache
def _sqlite_content() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "jobs.db"
        _create_tables(f"sqlite:///{file}")
        return file.read_bytes()


def _create_tables(url: str) -> None:
    jobs = JobStore(url)
    jobs.create_tables()
    jobs.close()
