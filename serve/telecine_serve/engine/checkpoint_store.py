"""Checkpoints in the blob storage, so that a job goes on after its gang or its node is gone.

Invariant: what `latest` gives belongs to this clip and is whole; a checkpoint that is not is
deleted, because starting anew gives the same clip.
"""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

from telecine_platform.errors import BlobExists, ModelError, NotFound
from telecine_platform.storage.store import CHECKPOINTS, BlobStore
from telecine_serve.engine.checkpoint import Checkpoint, read_checkpoint, write_checkpoint

logger = logging.getLogger(__name__)

_CONTENT_TYPE = "application/octet-stream"


class CheckpointStore:
    """The newest checkpoint of each job. Methods raise StorageUnavailable."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs

    def save(self, job_id: str, checkpoint: Checkpoint) -> None:
        """Store it, then delete the older ones."""
        older = self._blobs.keys(_prefix(job_id))
        key = _key(job_id, checkpoint.step)
        with tempfile.TemporaryDirectory(prefix="telecine-checkpoint-") as folder:
            path = Path(folder) / "checkpoint.safetensors"
            write_checkpoint(path, checkpoint)
            try:
                self._blobs.create(key, path, _CONTENT_TYPE)
            except BlobExists:
                # A lost attempt was here first; of one clip, equal steps are equal bits.
                return
        for old in older:
            self._blobs.delete(old)

    def latest(self, job_id: str, fingerprint: str) -> Checkpoint | None:
        """The newest whole checkpoint of the clip with this fingerprint, or None: start anew."""
        for key in reversed(self._blobs.keys(_prefix(job_id))):
            checkpoint = self._read(key)
            if checkpoint is not None and checkpoint.fingerprint == fingerprint:
                return checkpoint
            logger.warning("useless", extra={"action": "checkpoint_deleted", "job_id": job_id})
            self._blobs.delete(key)
        return None

    def delete(self, job_id: str) -> None:
        """The job has ended, or its latents are done."""
        self._blobs.delete(_prefix(job_id))

    def _read(self, key: str) -> Checkpoint | None:
        with tempfile.TemporaryDirectory(prefix="telecine-checkpoint-") as folder:
            path = Path(folder) / "checkpoint.safetensors"
            try:
                self._blobs.download(key, path)
                return read_checkpoint(path)
            except (NotFound, ModelError):  # another rank deleted it, or it is damaged
                return None


def _prefix(job_id: str) -> str:
    return f"{CHECKPOINTS}/{job_id}"


def _key(job_id: str, step: int) -> str:
    """Steps are padded, so that keys sort as numbers do."""
    return f"{_prefix(job_id)}/{step:06d}.safetensors"
