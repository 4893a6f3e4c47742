"""What the platform itself costs on this machine: `python -m loadtests.platform_cost`.

Starts `telecine up` with its embedded defaults in a temporary folder, makes clips one after the
other, and reports time to ready, idle memory, seconds per stage, and the overhead of a clip: its
wall time as a client sees it, less the time that rank 0 spent in the engine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from statistics import median

import httpx
import psutil

from telecine_platform.jobs.store import JobStore

READY = re.compile(r"telecine is ready at (\S+)")


def main() -> None:
    parser = argparse.ArgumentParser(description="What the platform itself costs here.")
    parser.add_argument("--num-clips", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="telecine-cost-") as folder:
        figures = measure(Path(folder), options.num_clips)
    if options.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:34} {value}")


def measure(data_dir: Path, num_clips: int) -> dict[str, object]:
    """Run one platform and return its figures; seconds and MiB, medians over the clips."""
    started_at = time.monotonic()
    with running_platform(data_dir) as (process, url):
        ready_s = time.monotonic() - started_at
        time.sleep(10)  # let imports and first health checks settle
        pss_mib, num_processes = idle_memory(process.pid)
        wall_s = {}
        for seed in range(num_clips + 1):
            took_s, job_id = make_clip(url, seed)
            if seed > 0:  # the first one warms caches
                wall_s[job_id] = took_s
    engine_s = engine_seconds(data_dir / "logs" / "rank-0.jsonl")
    stages = stage_seconds(data_dir, list(wall_s))
    overheads = [wall - engine_s[job_id] for job_id, wall in wall_s.items()]
    return {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "clips": f"{num_clips}, 64x64, 17 frames, 12 steps, 2 ranks, seeds 1 to {num_clips}",
        "ready_s": round(ready_s, 1),
        "idle_pss_mib": pss_mib,
        "num_processes": num_processes,
        "clip_wall_s": round(median(wall_s.values()), 2),
        "clip_wall_max_s": round(max(wall_s.values()), 2),
        "engine_s": round(median(engine_s[job_id] for job_id in wall_s), 2),
        "overhead_s": round(median(overheads), 2),
        **stages,
    }


@contextmanager
def running_platform(data_dir: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`telecine up` on a free port, drained at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "telecine_serve.cli", "up", "--port", "0"],
        env=os.environ | {"TELECINE_DATA_DIR": str(data_dir)},
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        found = READY.search(line)
        if found is None:
            raise SystemExit("telecine up did not get ready; its own error is above")
        yield process, found.group(1)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=120)
        process.stdout.close()


def idle_memory(pid: int) -> tuple[int, int]:
    """Proportional set size of the whole process tree in MiB (each shared page counted once)."""
    parent = psutil.Process(pid)
    processes = [parent, *parent.children(recursive=True)]
    sizes = [process.memory_full_info().pss for process in processes]
    return round(sum(sizes) / 2**20), len(sizes)


def make_clip(url: str, seed: int) -> tuple[float, str]:
    """Seconds from the create call to the first poll that says completed, polling each 20 ms."""
    started_at = time.monotonic()
    with httpx.Client(base_url=url, timeout=30) as client:
        body = {"prompt": "a red circle moves right on a blue background", "seed": seed}
        video = client.post("/v1/videos", json=body).raise_for_status().json()
        while video["status"] not in ("completed", "failed"):
            time.sleep(0.02)
            video = client.get(f"/v1/videos/{video['id']}").raise_for_status().json()
    if video["status"] != "completed":
        raise SystemExit(f"{video['id']} failed: {video['error']}")
    return time.monotonic() - started_at, video["id"]


def engine_seconds(log: Path) -> dict[str, float]:
    """Per job, how long rank 0 spent in the engine, from its log."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return {row["job_id"]: row["duration_s"] for row in lines if row["action"] == "generated"}


def stage_seconds(data_dir: Path, job_ids: list[str]) -> dict[str, float]:
    """Median wait and work of each stage, from the kept transitions."""
    jobs = JobStore(f"sqlite:///{data_dir / 'jobs.db'}")
    waits: dict[str, list[float]] = {}
    works: dict[str, list[float]] = {}
    for job_id in job_ids:
        for before, after in pairwise(jobs.history(job_id)):
            table = waits if before.state == "queued" else works
            table.setdefault(before.stage, []).append((after.at - before.at).total_seconds())
    jobs.close()
    return {
        f"{stage}_{kind}_s": round(median(values), 3)
        for kind, table in (("wait", waits), ("work", works))
        for stage, values in table.items()
    }


if __name__ == "__main__":
    main()
