"""Generation: a gang makes the clip; it goes to quarantine, losslessly, until it is moderated."""

from __future__ import annotations

import tempfile
from pathlib import Path

import ray

from telecine_platform.jobs.lease import Lease
from telecine_platform.records import Job
from telecine_platform.settings import Settings
from telecine_platform.storage.store import BlobStore, quarantine_key
from telecine_platform.telemetry.tracing import current_traceparent
from telecine_serve.gang.gang import Gang
from telecine_serve.gang.rank import RankStatus
from telecine_serve.media.frames import LOSSLESS_CONTENT_TYPE, write_lossless
from telecine_serve.stage import HandOver, Outcome


class GenerationWorker:
    """Owns the gang in this replica's placement group."""

    def __init__(self, settings: Settings, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._gang = Gang(settings, ray.util.get_current_placement_group())

    def work(self, job: Job, lease: Lease) -> Outcome:
        def on_progress(status: RankStatus) -> None:
            if status.job_id == job.id and status.num_steps:
                lease.progress = 100 * status.step // status.num_steps
            lease.check()

        frames_THWC = self._gang.generate(job, current_traceparent(), on_progress)
        key = quarantine_key(job.id, job.epoch, "draft.mkv")
        with tempfile.TemporaryDirectory(prefix="telecine-draft-") as folder:
            path = Path(folder) / "draft.mkv"
            write_lossless(path, frames_THWC, job.spec.fps)
            lease.check()
            self._blobs.create(key, path, LOSSLESS_CONTENT_TYPE)
        return HandOver(draft=key)

    def check_health(self) -> None:
        self._gang.check_health()

    def close(self) -> None:
        self._gang.close()
