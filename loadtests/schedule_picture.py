"""Goodput at three times the uncontended time as bars: one picture for docs/scheduling.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol
from xml.sax.saxutils import escape

from loadtests.figures import Figures

_COLOURS = {"FIFO, target 1": "#9aa5b8", "FIFO, target 2": "#cdd3de", "telecine": "#2f6fbf"}
_BAR_PX, _GAP_PX, _HEIGHT_PX, _LEFT_PX, _TOP_PX = 9, 12, 130, 60, 40


class _Result(Protocol):
    @property
    def kind(self) -> str: ...
    @property
    def num_tenants(self) -> int: ...
    @property
    def load(self) -> float: ...
    @property
    def by_scheduler(self) -> Mapping[str, Figures]: ...


def svg_from_results(results: Sequence[_Result]) -> str:
    """One row of bars for each kind of load; in it, a group for each number of tenants and load."""
    kinds = list(dict.fromkeys(result.kind for result in results))
    num_groups = max(sum(result.kind == kind for result in results) for kind in kinds)
    group_px = _BAR_PX * len(_COLOURS) + _GAP_PX
    width_px = _LEFT_PX + num_groups * group_px + 20
    row_px = _HEIGHT_PX + 60
    height_px = _TOP_PX + row_px * len(kinds)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width_px} {height_px}" '
        'font-family="system-ui, sans-serif" font-size="10" role="img" '
        'aria-label="Goodput at three times the uncontended time">',
        f'<rect width="{width_px}" height="{height_px}" fill="#ffffff"/>',
        *_legend(),
    ]
    for row, kind in enumerate(kinds):
        own = [result for result in results if result.kind == kind]
        parts += _row(kind, own, bottom_px=_TOP_PX + row * row_px + _HEIGHT_PX, group_px=group_px)
    return "\n".join([*parts, "</svg>", ""])


def _legend() -> Iterator[str]:
    for number, (name, colour) in enumerate(_COLOURS.items()):
        x_px = _LEFT_PX + number * 110
        yield f'<rect x="{x_px}" y="8" width="10" height="10" fill="{colour}"/>'
        yield f'<text x="{x_px + 15}" y="17">{escape(name)}</text>'


def _row(
    kind: str, results: Sequence[_Result], *, bottom_px: float, group_px: float
) -> Iterator[str]:
    yield f'<text x="8" y="{bottom_px - _HEIGHT_PX + 12}" font-weight="600">{escape(kind)}</text>'
    for share in (0.0, 0.5, 1.0):
        y_px = bottom_px - share * (_HEIGHT_PX - 20)
        end_px = _LEFT_PX + len(results) * group_px
        yield f'<path d="M{_LEFT_PX - 4} {y_px} H{end_px}" stroke="#dde" stroke-width="0.7"/>'
        yield f'<text x="{_LEFT_PX - 8}" y="{y_px + 3}" text-anchor="end">{share:.0%}</text>'
    for number, result in enumerate(results):
        left_px = _LEFT_PX + number * group_px
        for place, (name, colour) in enumerate(_COLOURS.items()):
            bar_px = result.by_scheduler[name].goodput_3 * (_HEIGHT_PX - 20)
            yield (
                f'<rect x="{left_px + place * _BAR_PX}" y="{bottom_px - bar_px:.1f}" '
                f'width="{_BAR_PX - 1}" height="{bar_px:.1f}" fill="{colour}"/>'
            )
        middle_px = left_px + 1.5 * _BAR_PX
        for line, text in enumerate((f"{result.load:g}", f"{result.num_tenants}")):
            yield (
                f'<text x="{middle_px}" y="{bottom_px + 12 + 12 * line}" text-anchor="middle">'
                f"{text}</text>"
            )
    yield f'<text x="8" y="{bottom_px + 12}">load</text>'
    yield f'<text x="8" y="{bottom_px + 24}">tenants</text>'
