"""How the rate of moderation grows with its replicas: real ones, each a process, on one queue.

Every clip is one that the real stage checks, marks, encodes, signs and publishes. Replicas have
loaded everything before the clock starts. The ratio says something only on a machine that has a
free core for each of them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from loadtests.natural_clips import FPS, natural_clip
from loadtests.rows_file import Row
from loadtests.store_fill import claim, submit, verdict
from telecine_platform.clock import utc_now
from telecine_platform.jobs.store import JobStore
from telecine_platform.records import JobState, Stage
from telecine_platform.settings import Settings
from telecine_platform.storage.open import open_store
from telecine_platform.storage.store import BlobStore
from telecine_serve.media.frames import LOSSLESS_CONTENT_TYPE, write_lossless

NUM_DRAFTS = 4
"""Different clips; the jobs take turns with them."""
_POLL_S = 0.05


def replica_rates(counts: Sequence[int], num_clips: int, settings: Row) -> Row:
    """Clips per second for each number of replicas, and how many times the first's that is.

    `settings`: `size_px` (height, width), `seconds` of a clip, and the `checks`.
    """
    rows = []
    for count in counts:
        with tempfile.TemporaryDirectory(prefix="telecine-replicas-") as folder:
            rows.append(_rate(Path(folder), count, num_clips, settings))
    return {
        "settings": settings,
        "clips": num_clips,
        "cores": len(os.sched_getaffinity(0)),
        "load_before": round(os.getloadavg()[0], 2),
        "rates": rows,
        "times_the_first": [round(row["clips_per_s"] / rows[0]["clips_per_s"], 2) for row in rows],
    }


def _rate(folder: Path, count: int, num_clips: int, settings: Row) -> Row:
    platform = Settings(data_dir=folder)
    blobs = open_store(platform.resolved_storage_url, None)
    with closing(JobStore(platform.resolved_database_url)) as jobs, ExitStack() as stack:
        jobs.create_tables()
        drafts = _drafts(folder, blobs, settings)
        job_ids = [_queue(jobs, number, drafts) for number in range(num_clips)]
        replicas = [stack.enter_context(_replica(folder, settings)) for _ in range(count)]
        for replica in replicas:
            _hear(replica, "ready")
        started_s = time.monotonic()
        for replica in replicas:
            _say(replica, "go")
        while any(not job.state.is_final for job in jobs.get_many(job_ids).values()):
            if any(replica.poll() is not None for replica in replicas):
                raise RuntimeError("a replica has ended; run it alone to see why")
            time.sleep(_POLL_S)
        took_s = time.monotonic() - started_s
        states = [job.state for job in jobs.get_many(job_ids).values()]
        workers = [_who(jobs, job_id) for job_id in job_ids]
    return {
        "replicas": count,
        "clips_per_s": num_clips / took_s,
        "released": states.count(JobState.COMPLETED),
        "clips_by_replica": sorted(workers.count(each) for each in set(workers)),
    }


def _drafts(folder: Path, blobs: BlobStore, settings: Row) -> list[str]:
    keys = []
    for seed in range(NUM_DRAFTS):
        clip = natural_clip(seed, seconds=settings["seconds"], size_px=tuple(settings["size_px"]))
        file, key = folder / "draft.mkv", f"quarantine/draft-{seed}/draft.mkv"
        write_lossless(file, clip, FPS)
        blobs.create(key, file, LOSSLESS_CONTENT_TYPE)
        keys.append(key)
    return keys


def _queue(jobs: JobStore, number: int, drafts: Sequence[str]) -> str:
    """Bring one job before moderation."""
    now = utc_now()
    submit(jobs, number, now)
    jobs.hand_over(claim(jobs, Stage.SCREENING, now), verdict(), now)
    job = claim(jobs, Stage.GENERATION, now)
    jobs.hand_over(job, verdict(), now, draft=drafts[number % len(drafts)])
    return job.id


def _who(jobs: JobStore, job_id: str) -> str:
    """The worker that moderated it."""
    rows = jobs.history(job_id)
    return str(next(row.worker_id for row in reversed(rows) if row.state == JobState.RUNNING))


@contextmanager
def _replica(folder: Path, settings: Row) -> Iterator[subprocess.Popen[str]]:
    environ = {key: value for key, value in os.environ.items() if not key.startswith("TELECINE_")}
    environ |= {
        "TELECINE_DATA_DIR": str(folder),
        "TELECINE_MODERATION_CHECKS": settings["checks"],
        "TELECINE_SCREENING_MODEL": "none",
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "loadtests.moderation_replica"]
    with subprocess.Popen(
        command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def _hear(replica: subprocess.Popen[str], word: str) -> None:
    if replica.stdout is None or replica.stdout.readline().strip() != word:
        raise RuntimeError(f"a replica did not get {word}; its error is above")


def _say(replica: subprocess.Popen[str], word: str) -> None:
    if replica.stdin is None:
        raise RuntimeError("a replica has no input")
    replica.stdin.write(f"{word}\n")
    replica.stdin.flush()
