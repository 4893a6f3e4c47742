"""Names for things: jobs, requests, workers. Random enough that none can be guessed."""

from __future__ import annotations

import os
import secrets
import socket
from datetime import datetime

JOB_ID_PATTERN = r"^video_[0-9a-f]{32}$"


def new_job_id(now: datetime) -> str:
    """`video_`, 12 hex digits of milliseconds (so ids sort by time), 20 hex digits of chance."""
    return f"video_{int(now.timestamp() * 1000):012x}{secrets.token_hex(10)}"


def first_job_id(at: datetime) -> str:
    """A bound: every id that was made from `at` on is larger, every earlier one smaller."""
    return f"video_{int(at.timestamp() * 1000):012x}"


def new_request_id() -> str:
    return f"req_{secrets.token_hex(12)}"


def new_worker_id(stage: str) -> str:
    """Names one replica process in the store and the logs: stage, host, process, random part."""
    return f"{stage}-{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
