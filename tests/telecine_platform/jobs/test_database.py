"""A database that is away for a moment, or has lost its rank, is not a lost request."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
import sqlalchemy as sa

from telecine_platform.errors import StoreUnavailable
from telecine_platform.jobs.database import PATIENCE_S, Database
from tests.postgres_server import PostgresServer


@contextmanager
def relay(port: int, target_port: int) -> Iterator[None]:
    """Pass connections on to the server: while this is not there, the database is away."""
    listener = socket.create_server(("127.0.0.1", port))

    def carry(source: socket.socket, sink: socket.socket) -> None:
        with source, sink:
            while data := source.recv(65536):
                sink.sendall(data)

    def accept() -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return  # closed: the test is over
            far = socket.create_connection(("127.0.0.1", target_port))
            for ends in ((near, far), (far.dup(), near.dup())):
                threading.Thread(target=carry, args=ends, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def test_database_that_is_back_in_a_moment_is_waited_for(postgres: PostgresServer) -> None:
    port = free_port()
    url = postgres.new_database().replace(f":{postgres.port}/", f":{port}/")
    answers: list[int] = []

    def ask() -> None:
        with closing(Database(url)) as database, database.read() as connection:
            answers.append(connection.execute(sa.select(sa.literal(7))).scalar_one())

    asking = threading.Thread(target=ask)
    asking.start()
    asking.join(timeout=0.3)
    assert answers == []  # nobody listens yet
    with relay(port, postgres.port):
        asking.join(timeout=20)
    assert answers == [7]


def test_only_the_first_caller_waits_for_a_database_that_stays_away() -> None:
    with closing(Database(f"postgresql://telecine@127.0.0.1:{free_port()}/none")) as database:
        for _ in range(2):
            started_s = time.monotonic()
            with pytest.raises(StoreUnavailable), database.read():
                pass
        assert time.monotonic() - started_s < PATIENCE_S / 2


def test_server_that_takes_no_more_writes_is_let_go(postgres: PostgresServer) -> None:
    with closing(Database(postgres.new_database())) as database:
        with database.write() as connection:
            connection.execute(sa.text("CREATE TABLE t (n INTEGER)"))
            # What a failover does to the connections of the old primary.
            connection.execute(sa.text("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"))
        with pytest.raises(StoreUnavailable), database.write() as connection:
            connection.execute(sa.text("INSERT INTO t VALUES (1)"))
        with database.write() as connection:
            connection.execute(sa.text("INSERT INTO t VALUES (2)"))
