"""A small clip to ask for, of us and of diffusers' own pipelines."""

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


def diffusers_arguments(spec: VideoSpec, max_text_tokens: int) -> dict[str, Any]:
    """What a pipeline has to be called with for this clip. Any: its own arguments."""
    import torch

    return {
        "prompt": spec.prompt,
        "negative_prompt": spec.negative_prompt,
        "width": spec.width_px,
        "height": spec.height_px,
        "num_frames": spec.num_frames,
        "num_inference_steps": spec.num_steps,
        "guidance_scale": spec.guidance_scale,
        "generator": torch.Generator().manual_seed(spec.seed),
        "max_sequence_length": max_text_tokens,
    }
