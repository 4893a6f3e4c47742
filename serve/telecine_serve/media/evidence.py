"""Writes what moderation saw as files: a sheet of boxes and scores, and the frames themselves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from PIL import Image

from telecine_safeguards.output.evidence import Evidence
from telecine_safeguards.verdict import Verdict
from telecine_serve.media.clip_array import Frames

_QUALITY = 90


def write_evidence(
    folder: Path, evidence: Evidence, frames_THWC: Frames, verdict: Verdict, epoch: int
) -> tuple[Path, dict[str, Path]]:
    """The sheet, and the frames by name."""
    frames = {f"frame-{number}.jpg": number for number in evidence.frame_numbers}
    files = {name: _write(folder / name, frames_THWC[frames[name]]) for name in frames}
    sheet = folder / "sheet.json"
    sheet.write_text(json.dumps(_sheet(evidence, verdict, epoch, list(frames))))
    return sheet, files


def _write(file: Path, frame_HWC: Frames) -> Path:
    Image.fromarray(frame_HWC).save(file, quality=_QUALITY)
    return file


def _sheet(
    evidence: Evidence, verdict: Verdict, epoch: int, names: Sequence[str]
) -> dict[str, object]:
    return {
        "epoch": epoch,
        "action": verdict.action,
        "rule": verdict.rule,
        "reason_code": verdict.reason_code,
        "frames": list(names),
        "shown": [asdict(each) for each in evidence.shown],
    }
