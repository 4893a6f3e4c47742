"""What one clip costs, part by part: CPU seconds, those of the checks' own process included."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psutil

from loadtests.natural_clips import FPS, natural_clip
from loadtests.rows_file import Row
from telecine_safeguards.output.fingerprint import fingerprint_from_sample, query_from_sample
from telecine_safeguards.output.looks import OWN_CHECKS
from telecine_safeguards.output.process import CheckProcess, Limits, own_command
from telecine_safeguards.output.sample import sample_clip
from telecine_safeguards.provenance.embed import embed
from telecine_serve.media.encode import encode_mp4

_KEY = b"a key for measuring only, no secret"


def costs(size_px: tuple[int, int], seconds: float) -> Row:
    """One clip of that size (height, width); each part is done once before it is measured."""
    clip = natural_clip(0, seconds=seconds, size_px=size_px)
    sample = sample_clip(clip, FPS)
    process = CheckProcess(OWN_CHECKS, own_command(OWN_CHECKS), Limits())
    try:
        for check in OWN_CHECKS:
            process.look(check, sample)
        assert process.pid is not None  # it has just answered
        child = psutil.Process(process.pid)
        checks = {
            check: _cpu_s(partial(process.look, check, sample), child) for check in OWN_CHECKS
        }
    finally:
        process.close()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "clip.mp4"
        parts: dict[str, Callable[[], object]] = {
            "sampling": lambda: sample_clip(clip, FPS),
            "hashes to look up": lambda: query_from_sample(sample),
            "fingerprint to keep": lambda: fingerprint_from_sample(sample),
            "mark": lambda: embed(clip, 1, _KEY),
            "encoding": lambda: encode_mp4(file, clip, FPS, {}),
        }
        own = {name: _cpu_s(part) for name, part in parts.items()}
    return {
        "size": list(size_px), "frames": len(clip), "looked_at": len(sample.frame_numbers),
        "cpu_s": {name: round(spent, 3) for name, spent in (checks | own).items()},
    }  # fmt: skip


def _cpu_s(part: Callable[[], object], child: psutil.Process | None = None) -> float:
    before = _spent_s(child)
    part()
    return _spent_s(child) - before


def _spent_s(child: psutil.Process | None) -> float:
    spent_s = time.process_time()
    if child is not None:
        times = child.cpu_times()
        spent_s += times.user + times.system
    return spent_s
