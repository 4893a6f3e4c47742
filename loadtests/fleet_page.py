"""A load report as one HTML file with its pictures inside, and as an SVG for a document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from loadtests.fleet_figures import Figures, Sample

Points = Sequence[tuple[float, float]]

_BLUE, _ORANGE, _GREEN, _GREY = "#2f6fbf", "#d9822b", "#3a9d5d", "#9aa5b8"
_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 560, 200, 58, 34, 34
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


def page_of(title: str, about: Sequence[str], runs: Sequence[Run]) -> str:
    """The whole report; `about` says what was run, where and how."""
    lines = "".join(f"<p>{escape(line)}</p>" for line in about)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style><h1>{escape(title)}</h1>{lines}"
        f"<table>{''.join(_rows([run.figures for run in runs]))}</table>{svg_of(runs)}</html>\n"
    )


def svg_of(runs: Sequence[Run]) -> str:
    """Every picture of every run, below one another; goodput by load first."""
    charts = [_goodput_chart([run.figures for run in runs])] if len(runs) > 1 else []
    for run in runs:
        charts += [_jobs_chart(run), _gangs_chart(run)]
    columns, gap = 2, 24
    cells = [charts[0], "", *charts[1:]] if len(runs) > 1 else charts
    rows = -(-len(cells) // columns)
    width = columns * (_WIDTH + gap)
    height = rows * (_HEIGHT + _TOP + _BOTTOM + gap)
    placed = [
        f'<g transform="translate({number % columns * (_WIDTH + gap)},'
        f'{number // columns * (_HEIGHT + _TOP + _BOTTOM + gap)})">{cell}</g>'
        for number, cell in enumerate(cells)
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        'aria-label="Goodput, jobs and gangs over time" font-family="system-ui, sans-serif" '
        f'font-size="11"><rect width="{width}" height="{height}" fill="#ffffff"/>'
        f"{''.join(placed)}</svg>\n"
    )


def table_of(figures: Sequence[Figures]) -> Iterator[str]:
    """As Markdown, a column for each load."""
    rows = list(_cells(figures))
    yield "| " + " | ".join(rows[0]) + " |"
    yield "|---|" + "---:|" * len(figures)
    for row in rows[1:]:
        yield "| " + " | ".join(row) + " |"


def _rows(figures: Sequence[Figures]) -> Iterator[str]:
    for number, row in enumerate(_cells(figures)):
        tag = "th" if number == 0 else "td"
        yield "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in row) + "</tr>"


def _cells(figures: Sequence[Figures]) -> Iterator[list[str]]:
    yield ["load", *(f"{each.load:g}" for each in figures)]
    yield ["offered (a minute)", *(_count(f.num_offered, f.offered_per_minute) for f in figures)]
    yield [
        "completed (a minute)",
        *(_count(f.num_completed, f.completed_per_minute) for f in figures),
    ]
    for name in ("cancelled", "refused", "lost", "duplicated"):
        yield [name, *(str(getattr(each, f"num_{name}")) for each in figures)]
    for factor in figures[0].goodput:
        yield [f"goodput {factor}", *(f"{each.goodput[factor]:.3f}" for each in figures)]
    for name in figures[0].end_to_end_s:
        yield [f"end to end {name}, s", *(f"{each.end_to_end_s[name]:.0f}" for each in figures)]
    for what in ("wait", "work"):
        for stage in ("screening", "generation", "moderation"):
            values = [getattr(each, f"stage_{what}_s").get(stage) for each in figures]
            yield [f"{stage} mean {what}, s", *("" if v is None else f"{v:.1f}" for v in values)]
    yield ["GPU-s per video-s, busy", *(f"{f.busy_gpu_s_per_video_s:.1f}" for f in figures)]
    yield [
        "GPU-s per video-s, provisioned",
        *(f"{each.provisioned_gpu_s_per_video_s:.1f}" for each in figures),
    ]
    yield ["cost per video-s", *(f"{each.cost_per_video_s:.4f}" for each in figures)]
    yield ["longest scale-up lag, s", *(f"{each.scale_up_lag_s:.0f}" for each in figures)]
    yield ["Jain over tenants", *(f"{each.jain:.3f}" for each in figures)]


def _count(number: int, per_minute: float) -> str:
    return f"{number} ({per_minute:.1f})"


def _goodput_chart(figures: Sequence[Figures]) -> str:
    """Lines over the load; a single load is three points."""
    colours = dict(zip(figures[0].goodput, (_ORANGE, _BLUE, _GREEN), strict=True))
    series = {
        f"within {factor}": (colour, [(each.load, each.goodput[factor]) for each in figures])
        for factor, colour in colours.items()
    }
    return _chart("Goodput by load", series, top=1.0, x_name="load")


def _jobs_chart(run: Run) -> str:
    series = {"offered": (_GREY, run.offered), "completed": (_BLUE, run.completed)}
    return _chart(f"Jobs so far, load {run.figures.load:g}", series, x_name="minutes")


def _gangs_chart(run: Run) -> str:
    minutes = [sample.at_s / 60 for sample in run.samples]
    series: dict[str, tuple[str, Points]] = {
        name: (
            colour,
            [(at, getattr(each, name)) for at, each in zip(minutes, run.samples, strict=True)],
        )
        for name, colour in (
            ("wanted", _GREY),
            ("ready", _BLUE),
            ("busy", _GREEN),
            ("queued", _ORANGE),
        )
    }
    return _chart(f"Gangs and waiting jobs, load {run.figures.load:g}", series, x_name="minutes")


def _chart(
    title: str,
    series: Mapping[str, tuple[str, Points]],
    *,
    x_name: str,
    top: float | None = None,
) -> str:
    points = [point for _, line in series.values() for point in line]
    left_x = min((x for x, _ in points), default=0.0)
    right_x = max((x for x, _ in points), default=1.0)
    highest = top or max((y for _, y in points), default=1.0) or 1.0
    span = right_x - left_x or 1.0

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            _LEFT + (x - left_x) / span * (_WIDTH - _LEFT - 12),
            _TOP + _HEIGHT * (1 - y / highest),
        )

    parts = [f'<text x="{_LEFT}" y="14" font-weight="600">{escape(title)}</text>']
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = _TOP + _HEIGHT * (1 - share)
        parts.append(f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - 12}" stroke="#dfe3ea"/>')
        label = f"{highest * share:.2f}" if highest <= 2 else f"{highest * share:.0f}"
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
    for share in (0.0, 0.5, 1.0):
        x = left_x + share * span
        parts.append(
            f'<text x="{place(x, 0)[0]:.1f}" y="{_TOP + _HEIGHT + 16}" text-anchor="middle">'
            f"{x:.3g}</text>"
        )
    parts.append(
        f'<text x="{_WIDTH - 12}" y="{_TOP + _HEIGHT + 29}" text-anchor="end">{x_name}</text>'
    )
    for number, (name, (colour, line)) in enumerate(series.items()):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in line))
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.8"/>'
        )
        if len(line) < 8:
            parts += [
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'
                for x, y in (place(*point) for point in line)
            ]
        at = _LEFT + number * 110
        parts.append(f'<rect x="{at}" y="20" width="9" height="9" fill="{colour}"/>')
        parts.append(f'<text x="{at + 13}" y="28">{escape(name)}</text>')
    return "".join(parts)
