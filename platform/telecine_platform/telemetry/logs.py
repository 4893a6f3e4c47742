"""Structured logs: one JSON object a line, with an `action` and the job's id. Never prompts."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path

FIELDS = (
    "action", "job_id", "stage", "attempt", "epoch", "state", "rank", "worker_id", "request_id",
    "code", "route", "status", "duration_s", "num_ranks", "num_jobs", "num_keys", "halt_id",
    "delivery_id", "check",
)  # fmt: skip
"""The only extra fields that reach a log line."""


def set_up_logs(service: str, folder: Path | None = None) -> None:
    """Write this process's Telecine logs as JSON lines: to `folder`, or to standard error."""
    handler: logging.Handler = logging.StreamHandler(sys.stderr)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(folder / f"{service}.jsonl", encoding="utf-8")
    handler.setFormatter(_JsonFormatter(service))
    for name in ("telecine_platform", "telecine_serve", "telecine_safeguards"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(logging.INFO)
        logger.propagate = False


class _JsonFormatter(logging.Formatter):
    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds")
        line: dict[str, object] = {"at": at, "level": record.levelname, "service": self._service}
        line |= {key: getattr(record, key) for key in FIELDS if hasattr(record, key)}
        line["message"] = record.getMessage()
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)
