"""Asks a check's process, and ends it when it does not answer in time, in memory, in the protocol.

Invariant: `look` gives a whole answer or raises CheckFailed; after a failure the process is gone
and the next request starts a new one. It gets no environment: what it runs must not see the
platform's passwords. Its standard error goes nowhere: it could quote what the frames show. It dies
with the thread that started it (`tether.py`), so that is a replica's own.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from telecine_safeguards.errors import CheckFailed
from telecine_safeguards.output.sample import Sample
from telecine_safeguards.output.sightings import Sighting, sightings_from_answer

TIMEOUT_S: Final = 60.0
START_S: Final = 120.0
MEMORY_BYTES: Final = 4 * 1024**3
_MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024
_TETHER: Final = Path(__file__).with_name("tether.py")
_ENVIRONMENT: Final = {
    "PATH": os.defpath,
    "LANG": "C.UTF-8",
    "OMP_NUM_THREADS": "1",
    "HF_HUB_OFFLINE": "1",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one process of checks may take."""

    timeout_s: float = TIMEOUT_S
    """For one clip."""
    start_s: float = START_S
    """What the first answer of a new process may take longer, while its models are loaded."""
    memory_bytes: int = MEMORY_BYTES
    """Of private data; an allocation beyond it fails (RLIMIT_DATA, Linux)."""


class CheckProcess:
    """One process that answers for the named checks. Not for two threads at once."""

    def __init__(self, checks: Sequence[str], command: Sequence[str], limits: Limits) -> None:
        """Start it at once, so that its models are loaded by the time of the first clip."""
        self.checks = tuple(checks)
        self._command = tuple(command)
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None
        self._is_new = True
        self._start()

    def look(self, check: str, sample: Sample) -> tuple[Sighting, ...]:
        """Ask one check about a clip. Raises CheckFailed."""
        with self.ended_on_failure(check):
            with tempfile.TemporaryDirectory(prefix="telecine-look-") as folder:
                path = Path(folder) / "frames.npy"
                np.save(path, sample.frames_THWC, allow_pickle=False)
                request = {
                    "check": check,
                    "frames": str(path),
                    "frame_numbers": sample.frame_numbers,
                    "timeout_s": self._limits.timeout_s,
                }
                line = self.ask(check, request)
            return sightings_from_answer(line, check=check, frame_numbers=sample.frame_numbers)

    def ask(self, check: str, request: Mapping[str, object]) -> bytes:
        """Write one line and read one. To be used within `ended_on_failure`."""
        return self._ask(check, json.dumps(request).encode() + b"\n")

    @contextlib.contextmanager
    def ended_on_failure(self, check: str) -> Iterator[None]:
        """End the process when the block fails: what it says later belongs to no request."""
        try:
            yield
        except CheckFailed:
            self.close()
            raise
        except OSError as error:
            self.close()
            raise CheckFailed(f"{check}: its process cannot be asked ({error})") from error

    def close(self) -> None:
        """End the process and whatever it started."""
        if self._process is None:
            return
        process, self._process = self._process, None
        with contextlib.suppress(ProcessLookupError):  # it has ended by itself
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()

    @property
    def pid(self) -> int | None:
        """Of the running process; None between a failure and the next request."""
        return None if self._process is None else self._process.pid

    def _start(self) -> subprocess.Popen[bytes]:
        try:
            process = subprocess.Popen(
                _tethered(self._command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                env=_ENVIRONMENT,
                start_new_session=True,
            )
        except OSError as error:
            raise CheckFailed(f"{self.checks[0]}: it cannot be started ({error})") from error
        self._process, self._is_new = process, True
        limit = self._limits.memory_bytes
        if hasattr(resource, "prlimit") and process.poll() is None:
            resource.prlimit(process.pid, resource.RLIMIT_DATA, (limit, limit))
        return process

    def _ask(self, check: str, request: bytes) -> bytes:
        process = self._process or self._start()
        wait_s = self._limits.timeout_s + (self._limits.start_s if self._is_new else 0.0)
        self._is_new = False
        deadline = time.monotonic() + wait_s
        if process.stdin is None or process.stdout is None:
            raise CheckFailed(f"{check}: its process has no pipes")
        process.stdin.write(request)
        answer = b""
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while not answer.endswith(b"\n"):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise CheckFailed(f"{check}: no answer within {wait_s:g} s")
                part = process.stdout.read(1 << 16)
                if not part:
                    raise CheckFailed(f"{check}: its process ended without an answer")
                answer += part
                if len(answer) > _MAX_ANSWER_BYTES:
                    raise CheckFailed(f"{check}: its answer is too long")
        return answer


def _tethered(command: Sequence[str]) -> Sequence[str]:
    """The command, so started that it dies with this process. Raises FileNotFoundError."""
    if shutil.which(command[0], path=_ENVIRONMENT["PATH"]) is None:
        raise FileNotFoundError(f"no program {command[0]}")
    if sys.platform != "linux":
        return command
    return (sys.executable, "-I", "-S", str(_TETHER), str(os.getpid()), *command)


def own_command(checks: Sequence[str]) -> tuple[str, ...]:
    """What starts the process of the checks that ship with Telecine."""
    return (sys.executable, "-m", "telecine_safeguards.output.child", *checks)
