"""Puts a report into the installation's own bucket, where a pod's files are gone with the pod."""

from __future__ import annotations

import secrets
import tempfile
from datetime import datetime
from pathlib import Path

from loadtests.load_page import LoadReport, write_report
from telecine_platform.storage.store import BlobStore

_TYPES = {".html": "text/html", ".json": "application/json", ".svg": "image/svg+xml"}


def publish(report: LoadReport, blobs: BlobStore, now: datetime) -> str:
    """Store the three files below a new folder; returns it. Raises what the store raises."""
    folder = f"loadtests/{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    with tempfile.TemporaryDirectory(prefix="telecine-report-") as name:
        write_report(Path(name), report)
        for file in sorted(Path(name).iterdir()):
            blobs.create(f"{folder}/{file.name}", file, _TYPES[file.suffix])
    return folder
