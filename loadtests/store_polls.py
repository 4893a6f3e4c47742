"""Polls a real API process over HTTP, as many clients at once do, and says what one poll costs."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from urllib.parse import urlsplit

import psutil

NUM_CONNECTIONS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Polls:
    """Polls answered by one API process that had one core for itself, if the machine has two."""

    num_polls: int
    per_s: float
    p50_ms: float
    p99_ms: float
    server_cpu_ms: float
    """CPU time of the API process for one poll; other work on the machine hardly changes it."""


def polls_over_http(database_url: str, polled: Sequence[tuple[str, str]], num_polls: int) -> Polls:
    """Poll these (job id, tenant id) in turn; raises `RuntimeError` at any answer but 200."""
    with tempfile.TemporaryDirectory(prefix="telecine-polls-") as name:
        keys = Path(name) / "keys.yaml"
        keys.write_text("\n".join(f"{t}: ['{_digest(t)}']" for t in {t for _, t in polled}))
        with _api_process(database_url, Path(name), keys) as (url, process):
            requests = [_request(job_id, tenant_id) for job_id, tenant_id in polled]
            asyncio.run(_poll(url, requests, num_polls // 10))  # warm-up
            cpu_before_s, started_at = sum(process.cpu_times()[:2]), time.perf_counter()
            times_s = asyncio.run(_poll(url, requests, num_polls))
            took_s = time.perf_counter() - started_at
            cpu_s = sum(process.cpu_times()[:2]) - cpu_before_s
    cuts = quantiles(times_s, n=100)
    return Polls(
        num_polls=len(times_s),
        per_s=round(len(times_s) / took_s, 1),
        p50_ms=round(cuts[49] * 1e3, 3),
        p99_ms=round(cuts[98] * 1e3, 3),
        server_cpu_ms=round(cpu_s / len(times_s) * 1e3, 3),
    )


@contextmanager
def _api_process(
    database_url: str, folder: Path, keys: Path
) -> Iterator[tuple[str, psutil.Process]]:
    """The API alone, on the last core; this process keeps to the others."""
    environ = os.environ | {
        "TELECINE_DATABASE_URL": database_url,
        "TELECINE_DATA_DIR": str(folder),
        "TELECINE_API_KEYS_FILE": str(keys),
        "TELECINE_PORT": "0",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "telecine_platform.api.server"],
        env=environ, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(process.pid, cores[-1:])
    os.sched_setaffinity(0, cores[:-1] or cores)
    try:
        yield process.stdout.readline().strip(), psutil.Process(process.pid)
    finally:
        os.sched_setaffinity(0, cores)
        process.terminate()
        process.wait(timeout=60)
        process.stdout.close()


async def _poll(url: str, requests: Sequence[bytes], num_polls: int) -> list[float]:
    """Seconds of each poll; the connections stay open, each has one request under way."""
    parts = urlsplit(url)
    turns = iter(range(num_polls))

    async def client() -> list[float]:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        times_s = []
        for turn in turns:
            started_at = time.perf_counter()
            writer.write(requests[turn % len(requests)])
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(_content_length(head))
            times_s.append(time.perf_counter() - started_at)
            if not head.startswith(b"HTTP/1.1 200 "):
                raise RuntimeError(f"a poll was answered with {head[:40]!r} {body[:300]!r}")
        writer.close()
        return times_s

    times = await asyncio.gather(*(client() for _ in range(NUM_CONNECTIONS)))
    return [time_s for times_s in times for time_s in times_s]


def _content_length(head: bytes) -> int:
    return int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])


def _request(job_id: str, tenant_id: str) -> bytes:
    return (
        f"GET /v1/videos/{job_id} HTTP/1.1\r\nHost: telecine\r\n"
        f"Authorization: Bearer {_key(tenant_id)}\r\n\r\n"
    ).encode()


def _key(tenant_id: str) -> str:
    return f"key-of-{tenant_id}"


def _digest(tenant_id: str) -> str:
    return hashlib.sha256(_key(tenant_id).encode()).hexdigest()
