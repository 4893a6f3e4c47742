"""The workers of a fleet in one process: real stage loops, and gangs that come and go with the wish
of the real autoscaling rule.

`python -m loadtests.fleet_stages SPEED SAMPLES`; settings come from the environment. One line a
second goes to SAMPLES: when, how many gangs were wanted, ready and at work, how many jobs waited.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections import deque
from pathlib import Path

from loadtests.chaos_stage import ChaosWorker
from loadtests.fleet_engine import FakeEngine
from loadtests.simulate import DOWNSCALE_DELAY_S, UPSCALE_DELAY_S
from telecine_platform.clock import utc_now
from telecine_platform.errors import TelecineError
from telecine_platform.jobs.store import JobStore
from telecine_platform.records import Stage
from telecine_platform.settings import Settings, load_settings
from telecine_platform.storage.open import open_store
from telecine_platform.telemetry.logs import set_up_logs
from telecine_serve.apps.queue_policy import read_wish
from telecine_serve.stage import StageLoop, StageWorker

LOOPS_EACH = 4
"""Of screening and of moderation."""
PERIOD_S = 1.0


class Gangs:
    """Generation loops in threads. Starting one takes `gang_start_s`; a stopping one finishes its
    job first, as Serve drains it."""

    def __init__(self, jobs: JobStore, settings: Settings, speed: float) -> None:
        self._jobs = jobs
        self._settings = settings
        self._speed = speed
        self._blobs = open_store(settings.resolved_storage_url, None)
        self._ready: list[tuple[StageLoop, threading.Thread]] = []
        self._starts_s: list[float] = []
        self._wishes: deque[tuple[float, int]] = deque()

    @property
    def num_ready(self) -> int:
        return len(self._ready)

    def follow(self, wish: int, now_s: float) -> None:
        """Up when a wish has held for one delay, down when for the other."""
        self._wishes.append((now_s, wish))
        while self._wishes[0][0] < now_s - DOWNSCALE_DELAY_S / self._speed:
            self._wishes.popleft()
        since_s = now_s - UPSCALE_DELAY_S / self._speed
        recent = [wish for at_s, wish in self._wishes if at_s >= since_s]
        num_known = len(self._ready) + len(self._starts_s)
        self._starts_s += [now_s + self._settings.gang_start_s] * (min(recent) - num_known)
        for _ in range(sum(at_s <= now_s for at_s in self._starts_s)):
            self._start()
        self._starts_s = [at_s for at_s in self._starts_s if at_s > now_s]
        highest = max(wish for _, wish in self._wishes)
        while len(self._ready) > highest:
            self._ready.pop()[0].stop()

    def stop(self) -> None:
        for loop, _ in self._ready:
            loop.stop()

    def _start(self) -> None:
        worker = FakeEngine(self._blobs, num_gpus=self._settings.num_ranks, speed=self._speed)
        loop = _loop(Stage.GENERATION, worker, self._jobs, self._settings)
        thread = threading.Thread(target=loop.run, daemon=True)
        thread.start()
        self._ready.append((loop, thread))


def main(speed: float, samples: Path) -> None:
    settings = load_settings()
    set_up_logs("fleet", settings.log_folder)
    jobs = JobStore(settings.resolved_database_url)
    blobs = open_store(settings.resolved_storage_url, None)
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    for stage in (Stage.SCREENING, Stage.MODERATION):
        for _ in range(LOOPS_EACH):
            loop = _loop(stage, ChaosWorker(stage, blobs), jobs, settings)
            threading.Thread(target=loop.run, daemon=True).start()
    gangs = Gangs(jobs, settings, speed)
    with samples.open("w", encoding="utf-8") as stream:
        while not stopping.is_set():
            try:
                wish = read_wish(Stage.GENERATION, jobs, settings).num_replicas
                backlog = jobs.backlog(Stage.GENERATION, utc_now())
            except TelecineError as error:
                print(f"no look at the queue: {error}", file=sys.stderr)
                stopping.wait(PERIOD_S)
                continue
            low, high = settings.generation_min_replicas, settings.generation_max_replicas
            wanted = min(max(wish, low), high)
            gangs.follow(wanted, time.monotonic())
            sample = {
                "at": time.time(),
                "wanted": wanted,
                "ready": gangs.num_ready,
                "busy": backlog.num_running,
                "queued": backlog.num_queued,
            }
            stream.write(json.dumps(sample) + "\n")
            stream.flush()
            stopping.wait(PERIOD_S)
    gangs.stop()


def _loop(stage: Stage, worker: StageWorker, jobs: JobStore, settings: Settings) -> StageLoop:
    blobs = open_store(settings.resolved_storage_url, None)
    return StageLoop(stage, worker, jobs, blobs, settings)


if __name__ == "__main__":
    main(float(sys.argv[1]), Path(sys.argv[2]))
