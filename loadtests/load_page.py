"""A load report: JSON, one HTML file with its pictures inside, and an SVG for a document."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from loadtests.chart import BLUE, GREEN, GREY, ORANGE, Points, chart_of, picture_of
from loadtests.load_figures import Figures, Sample
from loadtests.report import STAGES
from loadtests.results import JobStatus, RunRecord

_STYLE = (
    "body{font:15px/1.45 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;"
    "color:#1c2430}table{border-collapse:collapse;margin:1rem 0}td,th{padding:.25rem .7rem;"
    "border-bottom:1px solid #dde;text-align:right}td:first-child,th:first-child{text-align:left}"
    "svg{max-width:100%;height:auto}code{background:#f1f3f7;padding:.1rem .3rem}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What is drawn of one load."""

    figures: Figures
    offered: Points
    """(minute, jobs so far)."""
    completed: Points
    samples: Sequence[Sample]


def run_from_record(
    figures: Figures, record: RunRecord, samples: Sequence[Sample], *, speed: float
) -> Run:
    """Real seconds become the model's minutes."""
    ends_s = [
        result.ended_at_s
        for result in record.results
        if result.status is JobStatus.COMPLETED and result.ended_at_s is not None
    ]
    return Run(
        figures=figures,
        offered=_so_far([result.arrival.at_s for result in record.results], speed),
        completed=_so_far(ends_s, speed),
        samples=samples,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadReport:
    """One or several runs, and what to say of them."""

    title: str
    about: Sequence[str]
    """What was run, where and how."""
    runs: Sequence[Run]
    """By rising load."""
    load_name: str = "load"
    goal: float | None = None
    """Goodput that a sweep was after; drawn as a line."""


def write_report(out: Path, report: LoadReport) -> None:
    """report.json, report.html (one file, pictures inside) and report.svg."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "report.json").write_text(json_of(report))
    (out / "report.html").write_text(page_of(report))
    (out / "report.svg").write_text(svg_of(report))


def json_of(report: LoadReport) -> str:
    runs = [_without_nan(asdict(run.figures)) for run in report.runs]
    content = {"title": report.title, "about": list(report.about), "runs": runs}
    return json.dumps(content, indent=1, allow_nan=False)


def page_of(report: LoadReport) -> str:
    """The whole report."""
    title = escape(report.title)
    lines = "".join(f"<p>{escape(line)}</p>" for line in report.about)
    rows = "".join(_rows(report))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style><h1>{title}</h1>{lines}<table>{rows}</table>"
        f"{svg_of(report)}</html>\n"
    )


def svg_of(report: LoadReport) -> str:
    """Every picture of every run, below one another; what depends on the load first."""
    charts = []
    if len(report.runs) > 1:
        charts += [_goodput_chart(report), _waits_chart(report)]
    for run in report.runs:
        charts += [_jobs_chart(run, report.load_name), _gangs_chart(run, report.load_name)]
    return picture_of(charts, "Goodput, waits, jobs and gangs")


def table_of(report: LoadReport) -> Iterator[str]:
    """As Markdown, a column for each load."""
    rows = list(_cells(report))
    yield "| " + " | ".join(rows[0]) + " |"
    yield "|---|" + "---:|" * len(report.runs)
    for row in rows[1:]:
        yield "| " + " | ".join(row) + " |"


def _so_far(times_s: Sequence[float], speed: float) -> list[tuple[float, float]]:
    """How many so far, in the model's minutes; thinned out to what can be seen."""
    ordered = sorted(times_s)
    step = max(1, len(ordered) // 200)
    return [(at * speed / 60, number + 1.0) for number, at in enumerate(ordered)][::step]


def _without_nan(value: Any) -> Any:  # Any: what JSON holds
    """What could not be worked out is null: NaN is no JSON."""
    if isinstance(value, dict):
        return {key: _without_nan(each) for key, each in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value


def _rows(report: LoadReport) -> Iterator[str]:
    for number, row in enumerate(_cells(report)):
        tag = "th" if number == 0 else "td"
        yield "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in row) + "</tr>"


def _cells(report: LoadReport) -> Iterator[list[str]]:
    figures = [run.figures for run in report.runs]
    yield [report.load_name, *(f"{each.load:g}" for each in figures)]
    yield ["offered (a minute)", *(_count(f.num_offered, f.offered_per_minute) for f in figures)]
    yield [
        "completed (a minute)",
        *(_count(f.num_completed, f.completed_per_minute) for f in figures),
    ]
    for name in (
        "blocked", "failed", "cancelled", "refused", "unanswered", "lost", "duplicated",
    ):  # fmt: skip
        yield [name, *(str(getattr(each, f"num_{name}")) for each in figures)]
    for factor in figures[0].goodput:
        yield [f"goodput {factor}", *(f"{each.goodput[factor]:.3f}" for each in figures)]
    for name in figures[0].end_to_end_s:
        yield [f"end to end {name}, s", *(f"{each.end_to_end_s[name]:.1f}" for each in figures)]
    for what in ("wait", "work"):
        for stage in STAGES:
            values = [getattr(each, f"stage_{what}_s").get(stage) for each in figures]
            yield [f"{stage} mean {what}, s", *("" if v is None else f"{v:.1f}" for v in values)]
    yield ["GPU-s per video-s, busy", *(f"{f.busy_gpu_s_per_video_s:.1f}" for f in figures)]
    yield [
        "GPU-s per video-s, provisioned",
        *(f"{each.provisioned_gpu_s_per_video_s:.1f}" for each in figures),
    ]
    yield ["cost per video-s", *(f"{each.cost_per_video_s:.4f}" for each in figures)]
    lags = [each.scale_up_lag_s for each in figures]
    yield ["longest scale-up lag, s", *("" if lag is None else f"{lag:.0f}" for lag in lags)]
    yield ["Jain over tenants", *(f"{each.jain:.3f}" for each in figures)]
    yield ["driver's largest lag, real s", *(f"{each.max_send_lag_s:.2f}" for each in figures)]
    yield [
        "busy cores of this machine",
        *(f"{each.busy_cores:.2f} of {each.num_cores}" for each in figures),
    ]


def _count(number: int, per_minute: float) -> str:
    return f"{number} ({per_minute:.1f})"


def _goodput_chart(report: LoadReport) -> str:
    runs = [run.figures for run in report.runs]
    colours = (ORANGE, BLUE, GREEN)
    series: dict[str, tuple[str, Points]] = {
        f"within {factor}": (colour, [(each.load, each.goodput[factor]) for each in runs])
        for factor, colour in zip(runs[0].goodput, colours, strict=True)
    }
    if report.goal is not None:
        ends = (runs[0].load, runs[-1].load)
        series[f"goal {report.goal:g}"] = (GREY, [(load, report.goal) for load in ends])
    name = report.load_name
    return chart_of(f"Goodput by {name}", series, top=1.0, x_name=name)


def _waits_chart(report: LoadReport) -> str:
    runs = [run.figures for run in report.runs]
    series: dict[str, tuple[str, Points]] = {
        stage: (colour, [(each.load, each.stage_wait_s.get(stage, 0.0)) for each in runs])
        for stage, colour in zip(STAGES, (ORANGE, BLUE, GREEN), strict=True)
    }
    name = report.load_name
    return chart_of(f"Mean seconds that jobs wait for a stage, by {name}", series, x_name=name)


def _jobs_chart(run: Run, load_name: str) -> str:
    series = {"offered": (GREY, run.offered), "completed": (BLUE, run.completed)}
    title = f"Jobs so far, {load_name} {run.figures.load:g}"
    return chart_of(title, series, x_name="minutes")


def _gangs_chart(run: Run, load_name: str) -> str:
    series: dict[str, tuple[str, Points]] = {
        name: (
            colour,
            [
                (each.at_s / 60, value)
                for each in run.samples
                if (value := getattr(each, name)) is not None
            ],
        )
        for name, colour in (("wanted", GREY), ("ready", BLUE), ("busy", GREEN), ("queued", ORANGE))
    }
    title = f"Gangs and waiting jobs, {load_name} {run.figures.load:g}"
    shown = {name: line for name, line in series.items() if line[1]}
    return chart_of(title, shown, x_name="minutes")
