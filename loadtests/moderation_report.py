"""Sums the rows of `moderation.py` up: found copies and false matches, ours and plain vPDQ's."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from loadtests.rows_file import Row
from loadtests.screening_score import Share


def result_from_rows(rows: Sequence[Row]) -> Row:
    """For each alteration and all together; a pair is a copy and a clip that it is not of."""
    if not rows:
        return {}
    names = list(rows[0]["found"])
    num_pairs = len(rows) * len(names) * rows[0]["settings"]["others"]
    return {
        "clips": len(rows),
        "rows": {
            name: {
                "found": _share([row["found"][name] for row in rows]),
                "plain_vpdq": _share([row["plain_found"][name] for row in rows]),
                "ms_a_frame": round(statistics.median(row["ms_a_frame"][name] for row in rows), 1),
            }
            for name in names
        },
        "together": {
            "found": _share([row["found"][name] for row in rows for name in names]),
            "plain_vpdq": _share([row["plain_found"][name] for row in rows for name in names]),
        },
        "false": {
            "ours": Share(num=sum(row["false"] for row in rows), of=num_pairs).as_json(),
            "plain_vpdq": sum(row["plain_false"] for row in rows),
        },
    }


def _share(hits: Sequence[bool]) -> Row:
    return Share(num=sum(hits), of=len(hits)).as_json()
