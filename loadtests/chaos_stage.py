"""One stage of the chaos run: the real loop and store around work that only takes time.

`python -m loadtests.chaos_stage generation`; settings come from the environment, as everywhere.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from pathlib import Path

from telecine_platform.jobs.lease import Lease
from telecine_platform.jobs.store import JobStore
from telecine_platform.records import ClipKeys, Job, Stage
from telecine_platform.settings import load_settings
from telecine_platform.storage.open import open_store
from telecine_platform.storage.store import BlobStore, quarantine_key, result_key
from telecine_platform.telemetry.logs import set_up_logs
from telecine_safeguards.verdict import Action, Checkpoint, Verdict
from telecine_serve.stage import Block, HandOver, Outcome, Release, StageLoop

FORBIDDEN = "forbidden"
"""A prompt with this word is blocked."""
_LONGEST_S = {Stage.SCREENING: 0.05, Stage.GENERATION: 1.0, Stage.MODERATION: 0.1}


class ChaosWorker:
    """Takes a while, looks after its lease, and leaves real blobs behind."""

    def __init__(self, stage: Stage, blobs: BlobStore) -> None:
        self._stage = stage
        self._blobs = blobs

    def work(self, job: Job, lease: Lease) -> Outcome:
        end_s = time.monotonic() + random.uniform(0, _LONGEST_S[self._stage])
        while time.monotonic() < end_s:
            lease.check()
            time.sleep(0.02)
        match self._stage:
            case Stage.SCREENING if FORBIDDEN in job.spec.prompt:
                return Block(verdict=_verdict(Action.BLOCK, Checkpoint.PROMPT))
            case Stage.SCREENING:
                return HandOver(verdict=_verdict(Action.ALLOW, Checkpoint.PROMPT))
            case Stage.GENERATION:
                return HandOver(
                    draft=store_blob(self._blobs, quarantine_key(job.id, job.epoch, "draft.mkv"))
                )
            case Stage.MODERATION:
                names = ("clip.mp4", "thumbnail.webp", "spritesheet.jpg")
                clip, thumbnail, sheet = (
                    store_blob(self._blobs, result_key(job.id, job.epoch, name)) for name in names
                )
                keys = ClipKeys(video=clip, thumbnail=thumbnail, spritesheet=sheet)
                return Release(clip=keys, verdict=_verdict(Action.ALLOW, Checkpoint.OUTPUT))

    def check_health(self) -> None: ...

    def close(self) -> None: ...


def store_blob(blobs: BlobStore, key: str) -> str:
    """A blob that holds its own key."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(key.encode())
        file.flush()
        blobs.create(key, Path(file.name), "application/octet-stream")
    return key


def main(stage: Stage) -> None:
    settings = load_settings()
    set_up_logs(stage, settings.log_folder)
    blobs = open_store(settings.resolved_storage_url, settings.s3_endpoint_url)
    jobs = JobStore(settings.resolved_database_url)
    StageLoop(stage, ChaosWorker(stage, blobs), jobs, blobs, settings).run()


def _verdict(action: Action, checkpoint: Checkpoint) -> Verdict:
    return Verdict(
        checkpoint=checkpoint, action=action, rule="chaos", reason_code="chaos",
        message="Decided by the chaos run.", findings=(), registry_version="1-chaos",
    )  # fmt: skip


if __name__ == "__main__":
    main(Stage(sys.argv[1]))
