"""The blob protocol, and the two prefixes that keep unreleased and released bytes apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

QUARANTINE = "quarantine"
"""Unreleased clips: no URL is ever made for a key below it."""
INPUTS = "inputs"
"""Pictures that callers sent, as long as their job is on record."""
CHECKPOINTS = "checkpoints"
"""Where a generation can go on from; gone once its job has ended."""
EVIDENCE = "evidence"
"""Kept for a time, no URL either: what moderation saw, files of clips that are down, and claimants'
media."""
RESULTS = "results"
"""Released clips and their pictures."""


def input_key(job_id: str, name: str) -> str:
    return f"{INPUTS}/{job_id}/{name}"


def quarantine_key(job_id: str, epoch: int, name: str) -> str:
    return f"{QUARANTINE}/{job_id}/{epoch}/{name}"


def result_key(job_id: str, epoch: int, name: str) -> str:
    """The epoch is in the key, so that a worker that lost its lease cannot overwrite the winner."""
    return f"{RESULTS}/{job_id}/{epoch}/{name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobInfo:
    """What is known of a stored blob without reading it."""

    key: str
    size_bytes: int
    content_type: str
    sha256: str
    """Hex digest of the content, checked when it was stored."""


class BlobStore(Protocol):
    """Where clips lie. Every method raises `StorageUnavailable` when the home does not answer and
    `NotFound` when the key does not exist; keys that leave the home (`..`, absolute) are refused
    with `InvalidRequest`."""

    def create(self, key: str, source: Path, content_type: str) -> BlobInfo:
        """Store the file under a new key, whole or not at all, verified by SHA-256.

        Raises `BlobExists` if the key is taken: a stored blob never changes.
        """

    def info(self, key: str) -> BlobInfo: ...

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Stream bytes `start` to `end` (exclusive; None: to the end) in chunks."""

    def download(self, key: str, target: Path) -> None:
        """Copy the blob to a new local file; nothing stays at `target` if it fails."""

    def keys(self, prefix: str) -> list[str]:
        """All keys below `prefix`, sorted. `prefix` ends at a folder: `results/video_1`."""

    def delete(self, prefix: str) -> int:
        """Delete the key `prefix` and everything below it; return how many blobs went."""

    def signed_url(self, key: str, expires_s: int, filename: str) -> str | None:
        """A short-lived URL that serves the blob with Range, or None where the home has no URLs
        (a local folder: the API streams instead). Refuses keys outside `results/`."""

    def check(self) -> None:
        """Raise `StorageUnavailable` unless the home can be reached; cheap, used by `/readyz`."""
