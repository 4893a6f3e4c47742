"""Stand-ins for what the API lives with: the three stages, and storages that behave otherwise."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from telecine_platform.errors import StorageUnavailable
from telecine_platform.jobs.store import JobStore
from telecine_platform.records import ClipKeys, Job, Stage, VideoSpec
from telecine_platform.storage.local import LocalStore
from telecine_platform.storage.store import BlobInfo, BlobStore, result_key
from telecine_safeguards.verdict import Action, Checkpoint, Verdict

FILES = {
    "clip.mp4": (b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 600, "video/mp4"),
    "thumbnail.webp": (b"RIFF....WEBPthumbnail", "image/webp"),
    "spritesheet.webp": (b"RIFF....WEBPspritesheet", "image/webp"),
}
CLIP = FILES["clip.mp4"][0]
FORBIDDEN = "forbidden"
"""The fake screening blocks prompts with this word."""


class FakeStages:
    """Plays screening, generation and moderation through the job store alone, as Ray's apps do."""

    def __init__(self, jobs: JobStore, blobs: BlobStore, folder: Path) -> None:
        self._jobs = jobs
        self._blobs = blobs
        self._folder = folder

    def work_off(self) -> None:
        """Take every queued job as far as it goes."""
        while any(self._work_once(stage) for stage in Stage):
            pass

    def work_until(self, stop: threading.Event) -> None:
        while not stop.wait(0.01):
            self.work_off()

    def claim(self, stage: Stage) -> Job | None:
        return self._jobs.claim(stage, "fake-worker", 15.0, datetime.now(UTC))

    def _work_once(self, stage: Stage) -> bool:
        job = self.claim(stage)
        if job is None:
            return False
        now = datetime.now(UTC)
        match stage:
            case Stage.SCREENING if FORBIDDEN in job.spec.prompt:
                self._jobs.block(job, _verdict(Action.BLOCK), now)
            case Stage.SCREENING:
                self._jobs.hand_over(job, _verdict(Action.ALLOW), now)
            case Stage.GENERATION:
                self._jobs.heartbeat(job, 15.0, now, progress=50)
                self._jobs.hand_over(job, None, now)
            case Stage.MODERATION:
                self._jobs.complete(job, self._publish(job), _verdict(Action.ALLOW), now)
        return True

    def _publish(self, job: Job) -> ClipKeys:
        keys = {}
        for name, (content, content_type) in FILES.items():
            source = self._folder / f"{job.id}-{name}"
            source.write_bytes(content)
            keys[name] = result_key(job.id, job.epoch, name)
            self._blobs.create(keys[name], source, content_type)
        return ClipKeys(
            video=keys["clip.mp4"],
            thumbnail=keys["thumbnail.webp"],
            spritesheet=keys["spritesheet.webp"],
        )


class AwayStore(LocalStore):
    """A storage that can be taken away."""

    is_away = False

    def info(self, key: str) -> BlobInfo:
        self._check_there()
        return super().info(key)

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        self._check_there()
        return super().read(key, start, end)

    def delete(self, prefix: str) -> int:
        self._check_there()
        return super().delete(prefix)

    def check(self) -> None:
        self._check_there()

    def _check_there(self) -> None:
        if self.is_away:
            raise StorageUnavailable("bucket secret-bucket-name does not answer")


class BreakingStore(LocalStore):
    """A storage whose connection breaks while a clip is read."""

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        yield CLIP[:1000]
        raise StorageUnavailable("the connection broke")


class LinkingStore(LocalStore):
    """A storage with URLs, as S3 is."""

    base_url = ""

    def signed_url(self, key: str, expires_s: int, filename: str) -> str | None:
        return f"{self.base_url}/{key}?expires={expires_s}&name={filename}"


class QuotingStore(JobStore):
    """A database whose driver quotes the statement's values in its error, as SQLAlchemy does."""

    def submit(self, *, spec: VideoSpec, **values: Any) -> Job:  # Any: what the real one takes
        raise RuntimeError(f"constraint failed, parameters: {spec.prompt}")


def _verdict(action: Action) -> Verdict:
    is_block = action is Action.BLOCK
    return Verdict(
        checkpoint=Checkpoint.PROMPT,
        action=action,
        rule="protected-name" if is_block else "default-allow",
        reason_code="protected_character" if is_block else "allowed",
        message="The prompt names a protected character; describe your own." if is_block else "",
        findings=(),
        registry_version="1",
    )
