"""The API as a child process that is started again when it dies.

The parent owns the listening socket: while the child is replaced, new connections wait in the
socket's queue instead of being refused.
"""

from __future__ import annotations

import ctypes
import logging
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from telecine_platform.api.listener import open_listener, url_from_listener
from telecine_platform.errors import TelecineError
from telecine_platform.settings import Settings

logger = logging.getLogger(__name__)

_PR_SET_PDEATHSIG = 1  # prctl(2)
READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 15.0
RESTART_DELAY_S = 0.5


@contextmanager
def api_process(settings: Settings) -> Iterator[str]:
    """Serve the API until the block ends; yields its URL once it answers."""
    listener = open_listener(settings)
    url = url_from_listener(listener)
    supervisor = _Supervisor(listener)
    try:
        _wait_until_alive(url, supervisor)
        yield url
    finally:
        supervisor.stop()
        listener.close()


class _Supervisor:
    """Keeps one child running on the socket."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._stopping = threading.Event()
        self.child = self._start_child()
        self._thread = threading.Thread(target=self._watch, name="api-supervisor", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self.child.terminate()
        self._thread.join()
        try:
            self.child.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()

    def _watch(self) -> None:
        while True:
            try:
                code = self.child.wait(timeout=0.2)
            except subprocess.TimeoutExpired:
                if self._stopping.is_set():
                    return
                continue
            if self._stopping.is_set():
                return
            logger.error("the API process ended", extra={"action": "api_ended", "code": code})
            time.sleep(RESTART_DELAY_S)
            self.child = self._start_child()

    def _start_child(self) -> subprocess.Popen[bytes]:
        fd = self._listener.fileno()
        command = [sys.executable, "-m", "telecine_platform.api.server", "--fd", str(fd)]
        return subprocess.Popen(
            command,
            pass_fds=[fd],
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C reaches the whole group; the API stops last
            preexec_fn=_end_with_parent,
        )


def _end_with_parent() -> None:
    """Ask Linux to end the child when its parent dies without a word (SIGKILL)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _wait_until_alive(url: str, supervisor: _Supervisor) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline:
        if supervisor.child.poll() is not None:
            break
        try:
            httpx.get(f"{url}/healthz", timeout=2.0).raise_for_status()
            return
        except httpx.HTTPError:
            time.sleep(0.1)
    raise TelecineError(f"the API at {url} did not start; its own error is above")
