"""A small clip to ask for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from telecine_platform.records import VideoSpec

_SMALL = VideoSpec(
    model="embedded",
    prompt="a red ball moves left",
    negative_prompt="",
    width_px=64,
    height_px=64,
    num_frames=9,
    fps=8,
    num_steps=3,
    guidance_scale=3.0,
    seed=7,
)


def small_spec(**changes: Any) -> VideoSpec:  # Any: any field of VideoSpec
    return replace(_SMALL, **changes)
