"""Writes what moderation saw and heard as files: a sheet of scores, the frames, the sound."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from PIL import Image

from telecine_safeguards.output.evidence import Evidence
from telecine_safeguards.verdict import Verdict
from telecine_serve.media.clip_array import Frames
from telecine_serve.media.sound import write_sound

_QUALITY = 90
_SOUND = "sound.m4a"


def write_evidence(
    folder: Path,
    evidence: Evidence,
    frames_THWC: Frames,
    clip: Path,
    verdict: Verdict,
    epoch: int,
) -> tuple[Path, dict[str, Path]]:
    """The sheet; and the frames, and where it matters the clip's sound, by name."""
    frames = {f"frame-{number}.jpg": number for number in evidence.frame_numbers}
    files = {name: _write(folder / name, frames_THWC[frames[name]]) for name in frames}
    if evidence.is_about_sound:
        files[_SOUND] = folder / _SOUND
        write_sound(files[_SOUND], clip)
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
        "heard": [asdict(each) for each in evidence.heard],
        "sound": _SOUND if evidence.is_about_sound else None,
    }
