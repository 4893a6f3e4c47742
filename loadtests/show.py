"""A report as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict

from loadtests.report import Report, Spread


def text_from_report(report: Report) -> str:
    """Two blocks: what became of the jobs, and how long things took."""
    return "\n".join([*_counts(report), "", *_times(report)])


def json_from_report(report: Report) -> str:
    """All of the report's fields, plus `is_clean`."""
    return json.dumps(asdict(report) | {"is_clean": report.is_clean}, indent=2)


def _counts(report: Report) -> list[str]:
    offered = "" if report.offered_per_minute is None else _rate(report.offered_per_minute)
    lines = [
        _count("offered", report.num_offered, offered),
        _count("completed", report.num_completed, _rate(report.completed_per_minute)),
        _count("blocked", sum(report.blocked.values()), _by_code(report.blocked)),
        _count("failed", sum(report.failed.values()), _by_code(report.failed)),
        _count("cancelled", report.num_cancelled),
        _count("refused", sum(report.refused.values()), _by_code(report.refused)),
        _count("unanswered", report.num_unanswered),
        _count("lost", report.num_lost, " ".join(report.lost_ids)),
        _count("duplicated", report.num_duplicated),
    ]
    if report.download_s is not None or report.num_failed_downloads:
        lines.append(_count("failed downloads", report.num_failed_downloads))
    lines.append(f"{'run':<17}{report.took_s:7.1f} s")
    lines.append(f"{'largest send lag':<17}{report.max_send_lag_s:8.2f} s")
    return lines


def _times(report: Report) -> list[str]:
    lines = [f"{'seconds':<13}{'jobs':>5}{'p50':>9}{'p90':>9}{'p99':>9}{'max':>9}"]
    spreads = {
        "end to end": report.end_to_end_s,
        "inference": report.inference_s,
        "download": report.download_s,
    }
    lines += [_spread(name, spread) for name, spread in spreads.items() if spread is not None]
    if report.queue_wait_s is None:
        return [*lines, "", "The server shows no stage figures."]
    lines += ["", f"{'stage':<13}{'runs':>5}{'mean wait s':>13}{'mean work s':>13}"]
    for item in report.stages:
        lines.append(
            f"{item.stage:<13}{item.num_runs:>5}{item.mean_wait_s:>13.2f}{item.mean_work_s:>13.2f}"
        )
    return [*lines, f"{'all stages':<18}{report.queue_wait_s:>13.2f}"]


def _count(name: str, number: int, remark: str = "") -> str:
    return f"{name:<17}{number:>5}  {remark}".rstrip()


def _rate(per_minute: float) -> str:
    return f"({per_minute:.1f} a minute)"


def _by_code(codes: Mapping[str, int]) -> str:
    return ", ".join(f"{code} {number}" for code, number in codes.items())


def _spread(name: str, spread: Spread) -> str:
    values = "".join(f"{value:>9.2f}" for value in (spread.p50, spread.p90, spread.p99, spread.max))
    return f"{name:<13}{spread.num_values:>5}{values}"
