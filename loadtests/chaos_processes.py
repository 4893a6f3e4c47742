"""The processes of a chaos run: started, killed without a word, and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

from telecine_platform.records import Stage
from tests.postgres_server import PostgresServer

GENERATORS = 3
"""So that jobs go on while one of them is dead or stopped."""


def plain_environ() -> dict[str, str]:
    """Ours, without settings that somebody left in it."""
    return {key: value for key, value in os.environ.items() if "TELECINE_" not in key}


class Member:
    """One process of ours that is started again whenever it has ended."""

    def __init__(
        self, name: str, module: str, arguments: Sequence[str], environ: Mapping[str, str]
    ) -> None:
        self.name = name
        self._command = [sys.executable, "-m", module, *arguments]
        self._environ = environ
        self.process = self._start()

    def revive(self) -> None:
        if self.process.poll() is not None:
            self.process = self._start()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def pause(self, pause_s: float) -> None:
        """Stop it in the middle of whatever it does, and let it go on after `pause_s`."""
        process = self.process
        process.send_signal(signal.SIGSTOP)
        timer = threading.Timer(pause_s, process.send_signal, (signal.SIGCONT,))
        timer.daemon = True
        timer.start()

    def end(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.kill()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._command, env=self._environ, stdout=subprocess.DEVNULL)


class Members:
    """An API, one screener, some generators, one moderator, and their PostgreSQL."""

    def __init__(self, postgres: PostgresServer, folder: Path, environ: Mapping[str, str]) -> None:
        self.postgres = postgres
        common = plain_environ() | {"TELECINE_DATA_DIR": str(folder), **environ}
        self._url = f"http://127.0.0.1:{environ['TELECINE_PORT']}"
        api = {"TELECINE_LOG_FOLDER": str(folder / "logs" / "api")}
        self.api = Member("api", "telecine_platform.api.server", [], common | api)
        stages = [Stage.SCREENING, *[Stage.GENERATION] * GENERATORS, Stage.MODERATION]
        self.stages = [
            Member(f"{stage}-{number}", "loadtests.chaos_stage", [stage],
                   common | {"TELECINE_LOG_FOLDER": str(folder / "logs" / str(number))})
            for number, stage in enumerate(stages)
        ]  # fmt: skip

    @property
    def generators(self) -> list[Member]:
        return self.stages[1:-1]

    def api_answers(self) -> bool:
        try:
            return httpx.get(f"{self._url}/healthz", timeout=1, trust_env=False).is_success
        except httpx.TransportError:
            return False

    def revive(self) -> None:
        for member in (self.api, *self.stages):
            member.revive()

    def end(self) -> None:
        for member in (self.api, *self.stages):
            member.end()
