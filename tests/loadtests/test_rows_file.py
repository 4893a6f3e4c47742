"""A long measurement can be made in pieces: each run adds what the file lacks."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from loadtests import mark_report, moderation_report
from loadtests.mark_attacks import ATTACKS
from loadtests.rows_file import Row, add_rows, read_rows

SETTINGS: Row = {"size": 3}


def _measure(seed: int) -> Row:
    return {"square": seed**2}


def test_second_run_goes_on_where_the_first_one_stopped(tmp_path: Path) -> None:
    file, ticks = tmp_path / "rows.jsonl", count()

    first = add_rows(file, SETTINGS, range(10), _measure, for_s=4, clock=lambda: float(next(ticks)))
    second = add_rows(file, SETTINGS, range(10), _measure, for_s=float("inf"))

    assert (first, second) == (3, 7)
    rows = read_rows(file, SETTINGS)
    assert [(row["seed"], row["square"]) for row in rows] == [(n, n**2) for n in range(10)]


def test_rows_of_other_settings_are_not_mixed_in(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    add_rows(file, SETTINGS, range(1), _measure, for_s=float("inf"))

    with pytest.raises(ValueError, match="was measured with"):
        add_rows(file, {"size": 4}, range(2), _measure, for_s=float("inf"))


def test_mark_reports_the_record_where_the_mark_is_lost_and_the_likeness_is_not() -> None:
    found = dict.fromkeys(ATTACKS, True) | {"crf 35": False}
    row: Row = {
        "found": found, "by_likeness": {"crf 35": True}, "psnr_db": 40.5, "num_wrong": 0,
        "embed_cpu_s": 1.0, "find_cpu_s": {"crf 35": 1.0},
    }  # fmt: skip

    result = mark_report.result_from_rows([row])

    assert result["together"]["encoders"]["num"] == 5
    assert result["found"]["crf 35"]["num"] == 0
    assert result["record_found"]["crf 35"]["num"] == 1


def test_moderation_counts_every_pair_of_a_copy_and_another_clip() -> None:
    row: Row = {
        "settings": {"others": 250}, "found": {"none": True, "mirror": False}, "false": 1,
        "plain_found": {"none": True, "mirror": False}, "plain_false": 0,
        "ms_a_frame": {"none": 1.0, "mirror": 3.0},
    }  # fmt: skip

    result = moderation_report.result_from_rows([row, row])

    assert result["false"]["ours"]["n"] == 2 * 2 * 250
    assert (result["false"]["ours"]["num"], result["together"]["found"]["num"]) == (2, 2)
