"""Looks at a stranger's clip in a process of its own: its mark, and frames to compare it by.

A file from outside may be made to break a decoder, to fill the memory or to take for ever. So it is
decoded by a child with limits on memory, processor time and files, which is given nothing but the
keys of the marks, and whose answer is a few numbers and small pictures.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from telecine_safeguards.errors import UnreadableClip

FRAMES_FILE: Final = "frames.npy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one look may cost."""

    memory_bytes: int = 3 * 2**30
    """Address space, of which numpy's and FFmpeg's libraries alone take a part."""
    cpu_s: int = 60
    wall_s: float = 120.0
    max_pixels: int = 4096 * 2304
    """Of a frame."""
    max_decoded: int = 2_000
    """Frames; what comes later is not looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundMark:
    """A mark as the child reports it."""

    mark_id: int
    num_corrected: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Examined:
    """What is in a clip's picture."""

    mark: FoundMark | None
    frames_THWC: npt.NDArray[np.uint8]
    """Up to 8 frames, at most 480 pixels high or wide on the short side."""


def examine(file: Path, keys: Sequence[bytes], limits: Limits) -> Examined:
    """Decode the clip, look for marks of the keys (none: not at all), and sample frames.

    Raises `UnreadableClip` for whatever is no video or goes over the limits.
    """
    with tempfile.TemporaryDirectory(prefix="telecine-examine-") as folder:
        order = {
            "file": str(file.absolute()), "folder": folder, "keys": [key.hex() for key in keys],
            "memory_bytes": limits.memory_bytes, "cpu_s": limits.cpu_s,
            "max_pixels": limits.max_pixels, "max_decoded": limits.max_decoded,
        }  # fmt: skip
        answer = _answer(json.dumps(order), limits)
        if (problem := answer.get("problem")) is not None:
            raise UnreadableClip(str(problem))
        frames_THWC = np.load(Path(folder) / FRAMES_FILE, allow_pickle=False)
        mark = answer.get("mark")
    return Examined(
        mark=FoundMark(**mark) if isinstance(mark, dict) else None, frames_THWC=frames_THWC
    )


def _answer(order: str, limits: Limits) -> dict[str, object]:
    command = [sys.executable, "-m", "telecine_safeguards.provenance.examine_child"]
    # Nothing of our environment: no password, no address, only where the code lies.
    environ = {
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    try:
        child = subprocess.run(
            command, input=order, capture_output=True, text=True, timeout=limits.wall_s,
            check=False, env=environ,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise UnreadableClip(
            f"the file could not be read within {limits.wall_s:g} s: send a shorter part of it"
        ) from error
    try:
        answer: dict[str, object] = json.loads(child.stdout)
    except ValueError as error:
        raise UnreadableClip(
            "the file broke its reader: it is damaged, or it needs more memory or time than a "
            f"look-up may take (exit code {child.returncode}); send a part of it, encoded anew"
        ) from error
    return answer
