"""Small valid records, so that a test names only what it is about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from telecine_platform.clips.records import Provenance
from telecine_platform.records import VideoSpec
from telecine_safeguards.verdict import Action, Checkpoint, Finding, Verdict

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

_SPEC = VideoSpec(
    model="embedded",
    prompt="a red circle moves right",
    negative_prompt="",
    width_px=64,
    height_px=64,
    num_frames=17,
    fps=8,
    num_steps=12,
    guidance_scale=3.0,
    seed=7,
)


def spec(**changes: Any) -> VideoSpec:  # Any: whatever the field takes
    return replace(_SPEC, **changes)


def at(seconds: float) -> datetime:
    """`seconds` after the tests' start of time."""
    return START + timedelta(seconds=seconds)


def verdict(action: Action = Action.ALLOW, **changes: Any) -> Verdict:
    values: dict[str, Any] = {
        "checkpoint": Checkpoint.PROMPT,
        "action": action,
        "rule": "default-allow" if action is Action.ALLOW else "protected-name",
        "reason_code": "allowed" if action is Action.ALLOW else "protected_character",
        "message": "Nothing protected was found.",
        "findings": (Finding(check="names", score=0.25, matched="red"),),
        "registry_version": "test-1",
    }
    return Verdict(**values | changes)


def provenance(**changes: Any) -> Provenance:
    values: dict[str, Any] = {
        "mark_id": 1,
        "file_sha256": "0" * 64,
        "fingerprint": np.zeros((0, 4), np.uint64),
        "registry_version": "test-1",
        "grants": (),
    }
    return Provenance(**values | changes)
