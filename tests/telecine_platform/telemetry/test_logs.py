from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from telecine_platform.telemetry.logs import set_up_logs


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    set_up_logs("screening", tmp_path)
    yield tmp_path / "screening.jsonl"
    for name in ("telecine_platform", "telecine_serve", "telecine_safeguards"):
        logger = logging.getLogger(name)
        for handler in logger.handlers:
            handler.close()
        logger.handlers, logger.propagate = [], True


def test_log_line_is_json_with_its_action_and_job(log_file: Path) -> None:
    extra = {"action": "claimed", "job_id": "video_1", "attempt": 2, "prompt": "a secret wish"}
    logging.getLogger("telecine_serve.stage").info("claimed", extra=extra)
    line = json.loads(log_file.read_text())
    assert (line["service"], line["action"], line["attempt"]) == ("screening", "claimed", 2)
    assert "a secret wish" not in log_file.read_text()  # fields that are not listed stay out


def test_exception_is_on_the_same_line(log_file: Path) -> None:
    try:
        raise ValueError("x")
    except ValueError:
        logging.getLogger("telecine_platform.jobs").exception("failed")
    (line,) = log_file.read_text().splitlines()
    assert "ValueError: x" in json.loads(line)["error"]
