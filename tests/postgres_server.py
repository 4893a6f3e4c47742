"""A real PostgreSQL for tests: Debian's server, a temporary folder, a free port, loopback only."""

from __future__ import annotations

import glob
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import psycopg


class PostgresServer:
    """One running server; each test takes a database of its own."""

    def __init__(
        self, bin_folder: Path, folder: Path, user: str | None, is_durable: bool = True
    ) -> None:
        """Start it on the data in `folder`; not `is_durable`: a power cut would spoil the data."""
        self.port = _free_port()
        self._folder = folder
        self._user = user
        self._command: list[Path | str] = [
            bin_folder / "postgres", "-D", folder / "data",
            "-k", folder, "-h", "127.0.0.1", "-p", str(self.port),
            "-c", f"fsync={'on' if is_durable else 'off'}",
        ]  # fmt: skip
        self.process = self._start()

    def new_database(self, template: str | None = None) -> str:
        """Create a database, empty or a copy of that of URL `template`, and return its URL."""
        name = f"t_{secrets.token_hex(6)}"
        like = "template1" if template is None else template.rpartition("/")[2]
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {like}")
        return self._url(name)

    def kill(self) -> None:
        """As in a power cut: no farewell to its clients, no checkpoint."""
        children = psutil.Process(self.process.pid).children()
        self.process.kill()
        self.process.wait()
        for child in children:  # a successor starts only once they have let go of the data
            with suppress(psutil.NoSuchProcess):
                child.kill()
        psutil.wait_procs(children, timeout=30)

    def restart(self) -> None:
        """Start it again after `kill`, on the same data and port."""
        self.process = self._start()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)  # no last checkpoint: the data goes anyway
            self.process.wait(timeout=30)

    def _start(self) -> subprocess.Popen[bytes]:
        with (self._folder / "log").open("ab") as log:
            process = subprocess.Popen(
                self._command, user=self._user, cwd=self._folder, stdout=log, stderr=log
            )
        _wait_until_ready(self.port, process, self._folder / "log")
        return process

    def _url(self, name: str) -> str:
        return f"postgresql://telecine@127.0.0.1:{self.port}/{name}"


def postgres_bin() -> Path | None:
    """The folder of the newest installed server's programs, or None."""
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else []
    folders += sorted(Path(p).parent for p in glob.glob("/usr/lib/postgresql/*/bin/initdb"))
    return folders[-1] if folders else None


@contextmanager
def postgres_server(bin_folder: Path, *, is_durable: bool = True) -> Iterator[PostgresServer]:
    """Start a server, wait until it answers, stop it at the end."""
    folder = Path(tempfile.mkdtemp(prefix="telecine-postgres-"))
    user = "postgres" if os.geteuid() == 0 else None  # the server refuses to run as root
    if user is not None:
        shutil.chown(folder, user)
    data = folder / "data"
    options = ["-U", "telecine", "-A", "trust", "-E", "UTF8", "--no-sync"]
    subprocess.run(
        [bin_folder / "initdb", "-D", data, *options],
        check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    server = PostgresServer(bin_folder, folder, user, is_durable)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


def _wait_until_ready(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(1500):
        if process.poll() is not None:
            raise RuntimeError(f"PostgreSQL ended at its start:\n{log.read_text()[-2000:]}")
        try:
            psycopg.connect(f"postgresql://telecine@127.0.0.1:{port}/postgres").close()
            return
        except psycopg.OperationalError:
            time.sleep(0.02)
    raise RuntimeError(f"PostgreSQL did not answer within 30 s:\n{log.read_text()[-2000:]}")


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
