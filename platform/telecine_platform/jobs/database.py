"""Opens the database: SQLite (WAL, every commit on disk) or PostgreSQL, from one URL."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from telecine_platform.errors import SettingsError, StoreUnavailable
from telecine_platform.migrations.upgrade import revision_of, upgrade

T = TypeVar("T")
_CREATE_LOCK = 0x7E1EC1
LOCK_TIMEOUT_S = 15.0
"""How long a SQLite transaction waits for another process's."""
PATIENCE_S = 2.0
"""How long a transaction waits for a database that has just gone away: most come back at once."""
_FIRST_PAUSE_S = 0.05
_SESSION = (
    "-c statement_timeout=15000",
    # A process that is stopped in mid-transaction must not keep its locks from all the others.
    "-c idle_in_transaction_session_timeout=10000",
)
_READ_ONLY = "25006"  # SQLSTATE read_only_sql_transaction


_AWAY = (
    sa.exc.OperationalError,
    sa.exc.InterfaceError,
    sa.exc.InternalError,  # a PostgreSQL that takes no writes any more: another one does
    sa.exc.TimeoutError,
)


class Database:
    """Transactions on either engine; a database that does not answer raises `StoreUnavailable`.

    Beginning a transaction is tried again for a while, because nothing has been done in it yet.
    What fails later is never repeated here: only the caller knows whether that is safe.
    """

    def __init__(self, url: str) -> None:
        self._engine = _engine_from_url(url)
        self._is_away = False
        # Threads that write to SQLite queue here: its own lock makes them sleep and try again.
        is_sqlite = self._engine.dialect.name == "sqlite"
        self._writing = threading.Lock() if is_sqlite else nullcontext()
        self.where = self._engine.url.render_as_string(hide_password=True)

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A transaction that only reads: on SQLite it never waits for a writer."""
        with self._transaction(write=False) as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction that writes: on SQLite it takes the write lock at once."""
        with self._transaction(write=True) as connection:
            yield connection

    def create_tables(self, seed: Callable[[sa.Connection], None]) -> None:
        """Bring the tables up to date and seed them; safe when several processes start together.

        Raises `SchemaMismatch` for a database of a newer version.
        """
        with self.write() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.text("SET LOCAL statement_timeout = 0"))  # steps may be long
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_CREATE_LOCK)))
            upgrade(connection)
            seed(connection)

    def revision(self) -> str | None:
        """The step of the schema that the database stands at; None: an empty or a 0.1.0 one."""
        with self.read() as connection:
            return revision_of(connection)

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _transaction(self, *, write: bool) -> Iterator[sa.Connection]:
        try:
            with (
                self._writing if write else nullcontext(),
                self._connected(write=write) as connection,
                connection.begin(),
            ):
                yield connection
        except _AWAY as error:
            raise StoreUnavailable(
                f"the job database {self.where} does not answer: {_cause(error)}; "
                "check that it runs and that TELECINE_DATABASE_URL is right"
            ) from error

    def _connected(self, *, write: bool) -> sa.Connection:
        """A connection; waits a little for a database that was there until now."""
        engine = self._engine.execution_options(telecine_write=write)
        deadline, pause_s = time.monotonic() + PATIENCE_S, _FIRST_PAUSE_S
        while True:
            try:
                connection = engine.connect()
            except _AWAY:
                if self._is_away or time.monotonic() + pause_s > deadline:
                    self._is_away = True  # whoever comes next is told at once
                    raise
                time.sleep(pause_s)
                pause_s *= 2
            else:
                self._is_away = False
                return connection


def one_page(found: Sequence[T], limit: int) -> tuple[list[T], bool]:
    """The page, and whether there are more, of a query that asked for one row too many."""
    return list(found[:limit]), len(found) > limit


def insert_new(connection: sa.Connection, table: sa.Table, **values: object) -> None:
    """Insert the row, unless there is one with its key already."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    connection.execute(dialect.insert(table).values(values).on_conflict_do_nothing())


def _engine_from_url(url: str) -> sa.Engine:
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise SettingsError("database_url is not a URL; use sqlite:/// or postgresql://") from error
    if parsed.get_backend_name() == "sqlite":
        return _sqlite_engine(parsed)
    if parsed.get_backend_name() == "postgresql":
        return _postgresql_engine(parsed)
    raise SettingsError(
        f"database_url names {parsed.get_backend_name()!r}; use sqlite:/// or postgresql://"
    )


def _postgresql_engine(url: sa.URL) -> sa.Engine:
    engine = sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_pre_ping=True,
        pool_size=5,
        max_overflow=15,
        pool_timeout=10,
        connect_args={"connect_timeout": 5, "options": " ".join(_SESSION)},
    )

    @sa.event.listens_for(engine, "handle_error")
    def _on_error(context: sa.engine.ExceptionContext) -> None:
        # After a failover the old server answers on, but takes no writes: let go of it.
        if getattr(context.original_exception, "sqlstate", None) == _READ_ONLY:
            context.is_disconnect = True

    return engine


def _sqlite_engine(url: sa.URL) -> sa.Engine:
    if not url.database or url.database == ":memory:":
        raise SettingsError("database_url: several processes share the store, so it needs a file")
    try:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnavailable(f"cannot make the folder of {url.database}: {error}") from error
    engine = sa.create_engine(
        url, connect_args={"timeout": LOCK_TIMEOUT_S}, pool_size=5, max_overflow=15
    )

    @sa.event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: object) -> None:  # Any: the driver's connection
        connection.isolation_level = None  # we say BEGIN ourselves
        _switch_to_wal(connection)
        connection.execute("PRAGMA synchronous=FULL")

    @sa.event.listens_for(engine, "begin")
    def _on_begin(connection: sa.Connection) -> None:
        # A transaction that reads first and writes later fails under WAL when another one has
        # written in between; taking the write lock at once makes it wait instead.
        is_write = connection.get_execution_options().get("telecine_write", True)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_write else "BEGIN")

    return engine


def _switch_to_wal(connection: Any) -> None:  # Any: the driver's connection
    """Turn the write-ahead log on; the database keeps it, so only the first process has to.

    SQLite does not wait for another process that is at it, but fails at once, whatever the timeout.
    """
    deadline = time.monotonic() + LOCK_TIMEOUT_S
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _cause(error: Exception) -> str:
    """The driver's first line; SQLAlchemy's own text would repeat the statement's parameters."""
    original = getattr(error, "orig", None) or error
    return str(original).strip().splitlines()[0][:200] if str(original) else type(original).__name__
