"""Rows that several short runs add to one file, so that a long measurement can be made in pieces.

One line of JSON for each clip, written when the clip is done: a run that is stopped loses one clip.
Each row says which settings it was measured with; other settings need another file.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

Row = dict[str, Any]  # Any: JSON


def read_rows(file: Path, settings: Row) -> list[Row]:
    """The rows so far; none without a file. Raises ValueError for a row of other settings."""
    if not file.exists():
        return []
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    for row in rows:
        if row["settings"] != settings:
            raise ValueError(f"{file} was measured with {row['settings']}, not {settings}")
    return [row for row in rows if "seed" in row]


def add_rows(
    file: Path,
    settings: Row,
    seeds: Iterable[int],
    measure: Callable[[int], Row],
    *,
    for_s: float,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Measure the seeds that the file lacks, until the time is up; returns how many it added."""
    known = {row["seed"] for row in read_rows(file, settings)}
    started_s, num_added = clock(), 0
    for seed in seeds:
        if clock() - started_s >= for_s:
            break
        if seed in known:
            continue
        row = {"seed": seed, "settings": settings, **measure(seed)}
        with file.open("a") as opened:
            opened.write(json.dumps(row) + "\n")
        num_added += 1
    return num_added
