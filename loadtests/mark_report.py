"""Sums the rows of `mark.py` up: shares with their n and interval, for each attack and together."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from loadtests.mark_attacks import ATTACKS, GEOMETRIC
from loadtests.rows_file import Row
from loadtests.screening_score import Share


def result_from_rows(rows: Sequence[Row]) -> Row:
    """The mark, the record behind it (mark, else likeness), and dwtDctSvd where it was measured."""
    if not rows:
        return {}
    names = list(rows[0]["found"])
    issue = [name for name in names if name in ATTACKS]
    psnr_db = [row["psnr_db"] for row in rows]
    result: Row = {
        "clips": len(rows),
        "psnr_db": {"min": min(psnr_db), "mean": statistics.mean(psnr_db)},
        "embed_cpu_s": statistics.median(row["embed_cpu_s"] for row in rows),
        "find_cpu_s": statistics.median(
            each for row in rows for each in row["find_cpu_s"].values()
        ),
        "wrong_ids": sum(row["num_wrong"] for row in rows),
        "found": {name: _share([row["found"][name] for row in rows]) for name in names},
        "together": {
            "encoders": _share(_all(rows, [each for each in issue if each not in GEOMETRIC])),
            "geometry": _share(_all(rows, [each for each in issue if each in GEOMETRIC])),
        },
        "record_found": {
            name: _share([row["found"][name] or row["by_likeness"][name] for row in rows])
            for name in names
        },
    }
    if compared := [row for row in rows if "baseline" in row]:
        result["dwtDctSvd"] = {
            "psnr_db": statistics.mean(row["baseline"]["psnr_db"] for row in compared),
            "found": {
                name: _share([row["baseline"]["found"][name] for row in compared]) for name in names
            },
        }
    return result


def _all(rows: Sequence[Row], names: Sequence[str]) -> list[bool]:
    return [row["found"][name] for row in rows for name in names]


def _share(hits: Sequence[bool]) -> Row:
    return Share(num=sum(hits), of=len(hits)).as_json()
