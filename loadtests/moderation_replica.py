"""One moderation replica of `moderation_replicas.py`: says when it has loaded, then waits to begin.

`python -m loadtests.moderation_replica`; settings come from the environment, as everywhere.
"""

from __future__ import annotations

import sys

import cv2
import faiss

from loadtests.natural_clips import natural_clip
from telecine_platform.jobs.store import JobStore
from telecine_platform.records import Stage
from telecine_platform.settings import load_settings
from telecine_platform.storage.open import open_store
from telecine_safeguards.output.sample import sample_clip
from telecine_serve.apps.moderation import ModerationWorker
from telecine_serve.stage import StageLoop


def main() -> None:
    """Work until the process is ended."""
    cv2.setNumThreads(1)
    faiss.omp_set_num_threads(1)
    settings = load_settings()
    blobs = open_store(settings.resolved_storage_url, settings.s3_endpoint_url)
    jobs = JobStore(settings.resolved_database_url)
    worker = ModerationWorker(settings, jobs.database, blobs)
    worker.looks.look(sample_clip(natural_clip(0, seconds=0.2, size_px=(64, 64)), 12))
    print("ready", flush=True)
    sys.stdin.readline()
    StageLoop(Stage.MODERATION, worker, jobs, blobs, settings).run()


if __name__ == "__main__":
    main()
