"""A real `telecine up` in a process of its own, as a user starts it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

READY = re.compile(r"telecine is ready at (\S+)")
READY_WITHIN_S = 240.0
STOP_WITHIN_S = 120.0


class RunningPlatform:
    """The process, its URL, its files, and the processes below it."""

    def __init__(self, process: subprocess.Popen[str], url: str, data_dir: Path) -> None:
        self.process = process
        self.url = url
        self.data_dir = data_dir
        self.ready_after_s = 0.0

    def processes(self) -> list[psutil.Process]:
        """All processes below ours."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def pids(self, name: str) -> list[int]:
        """Processes of ours whose title holds `name`, as `ray::ServeReplica:generation`."""
        found = []
        for child in self.processes():
            try:
                if name in " ".join(child.cmdline()):
                    found.append(child.pid)
            except (psutil.NoSuchProcess, psutil.ZombieProcess):
                continue
        return found

    def signal_one(self, name: str, number: signal.Signals) -> None:
        """Send a signal to exactly one process of that title."""
        pids = self.pids(name)
        assert pids, f"no process {name!r} below {self.process.pid}"
        os.kill(pids[0], number)

    def stop(self) -> str:
        """SIGTERM, wait for the drain, return what it had still to say."""
        self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=STOP_WITHIN_S)
        return out


@contextmanager
def running_platform(
    data_dir: Path, environ: Mapping[str, str] | None = None, python: str = sys.executable
) -> Iterator[RunningPlatform]:
    """Start `telecine up` on a free port, yield when it is ready, stop it at the end."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("TELECINE_")}
    started_at = time.monotonic()
    process = subprocess.Popen(
        [python, "-m", "telecine_serve.cli", "up", "--port", "0"],
        env=clean | {"TELECINE_DATA_DIR": str(data_dir), **(environ or {})},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        platform = RunningPlatform(process, _url_when_ready(process, started_at), data_dir)
        platform.ready_after_s = time.monotonic() - started_at
        yield platform
        if process.poll() is None:
            platform.stop()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _url_when_ready(process: subprocess.Popen[str], started_at: float) -> str:
    said: list[str] = []
    assert process.stdout is not None
    for line in process.stdout:
        said.append(line)
        if ready := READY.search(line):
            return ready.group(1)
        if time.monotonic() - started_at > READY_WITHIN_S:
            break
    raise AssertionError(f"telecine up did not get ready:\n{''.join(said)}")
