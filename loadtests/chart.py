"""Line charts as SVG, and several of them in one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

Points = Sequence[tuple[float, float]]

BLUE, ORANGE, GREEN, GREY = "#2f6fbf", "#d9822b", "#3a9d5d", "#9aa5b8"
_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 560, 200, 58, 34, 34
_COLUMNS, _GAP = 2, 24


def picture_of(charts: Sequence[str], about: str) -> str:
    """The charts in two columns, as one SVG; `about` is what a screen reader says."""
    row_height = _HEIGHT + _TOP + _BOTTOM + _GAP
    width = _COLUMNS * (_WIDTH + _GAP)
    height = -(-len(charts) // _COLUMNS) * row_height
    placed = [
        f'<g transform="translate({number % _COLUMNS * (_WIDTH + _GAP)},'
        f'{number // _COLUMNS * row_height})">{chart}</g>'
        for number, chart in enumerate(charts)
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape(about)}" font-family="system-ui, sans-serif" '
        f'font-size="11"><rect width="{width}" height="{height}" fill="#ffffff"/>'
        f"{''.join(placed)}</svg>\n"
    )


def chart_of(
    title: str,
    series: Mapping[str, tuple[str, Points]],
    *,
    x_name: str,
    top: float | None = None,
) -> str:
    """Named lines in one frame; `top` is the height of the frame, else the highest value."""
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
        label = f"{highest * share:.3g}" if highest < 1000 else f"{highest * share:.0f}"
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
    for share in (0.0, 0.5, 1.0):
        x = left_x + share * span
        parts.append(
            f'<text x="{place(x, 0)[0]:.1f}" y="{_TOP + _HEIGHT + 16}" text-anchor="middle">'
            f"{round(x, 2):g}</text>"
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
