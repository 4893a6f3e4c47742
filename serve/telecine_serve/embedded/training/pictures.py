"""Pictures for people: what the model makes of a dozen prompts, and how its training went."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_SCALE = 2
_TEXT_PX = 22
_GAP_PX = 8
_INK, _PAPER, _GRID = (30, 30, 40), (255, 255, 255), (215, 215, 225)
_LINES = ((20, 90, 200), (210, 80, 30), (30, 140, 80))


def contact_sheet(
    path: Path, prompts: Sequence[str], clips_NTHWC: np.ndarray, *, num_columns: int = 2
) -> None:
    """Frames 0, 4, 8, 12 and 16 of each clip below its prompt."""
    shown = clips_NTHWC[:, ::4]
    num_frames, height, width = shown.shape[1], shown.shape[2] * _SCALE, shown.shape[3] * _SCALE
    cell = (num_frames * (width + 2) + _GAP_PX, height + _TEXT_PX + _GAP_PX)
    num_rows = -(-len(prompts) // num_columns)
    sheet = Image.new(
        "RGB", (cell[0] * num_columns + _GAP_PX, cell[1] * num_rows + _GAP_PX), _PAPER
    )
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=14)
    for index, (prompt, clip) in enumerate(zip(prompts, shown, strict=True)):
        left = _GAP_PX + cell[0] * (index % num_columns)
        top = _GAP_PX + cell[1] * (index // num_columns)
        draw.text((left, top), prompt, _INK, font=font)
        for number, frame_HWC in enumerate(clip):
            picture = Image.fromarray(frame_HWC).resize((width, height), Image.Resampling.NEAREST)
            sheet.paste(picture, (left + number * (width + 2), top + _TEXT_PX))
    sheet.save(path)


def curves(path: Path, logs: Mapping[str, Path], figures: Mapping[str, Sequence[str]]) -> None:
    """A panel a stage: its `figures` from its JSON Lines log, each scaled to its own range."""
    panel, margin = (460, 260), 48
    sheet = Image.new("RGB", (panel[0] * len(logs), panel[1]), _PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=12)
    for number, (stage, log) in enumerate(logs.items()):
        rows = [json.loads(line) for line in log.read_text().splitlines()]
        left, top = panel[0] * number + margin, margin - 20
        width, height = panel[0] - margin - 14, panel[1] - margin - 20
        draw.rectangle((left, top, left + width, top + height), outline=_GRID)
        last_step = max(row["step"] for row in rows)
        title = f"{stage}: {last_step} steps, {rows[-1]['cpu_s'] / 60:.0f} CPU-minutes"
        draw.text((left, 4), title, _INK, font=font)
        draw.text((left + width - 40, top + height + 4), f"{last_step}", _INK, font=font)
        for place, name in enumerate(figures[stage]):
            points = [(row["step"], row[name]) for row in rows if name in row]
            low = min(value for _, value in points)
            high = max(value for _, value in points)
            line = [
                (
                    left + width * step / last_step,
                    top + height * (1 - (value - low) / ((high - low) or 1)),
                )
                for step, value in points
            ]
            colour = _LINES[place % len(_LINES)]
            draw.line(line, fill=colour, width=2)
            told = f"{name}: {points[0][1]:.3g} to {points[-1][1]:.3g}"
            draw.text((left + 8, top + height + 4 + 14 * place), told, colour, font=font)
    sheet.save(path)
