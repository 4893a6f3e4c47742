"""Clips by diffusers' own pipeline, as anybody would make them from the folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from telecine_serve.embedded.evaluation import MakeClips, MakeImageClip
from telecine_serve.embedded.scenes import NUM_FRAMES, SIZE_PX

_SETTINGS: dict[str, Any] = {
    "height": SIZE_PX,
    "width": SIZE_PX,
    "num_frames": NUM_FRAMES,
    "num_inference_steps": 12,
    "guidance_scale": 3.0,
    "output_type": "np",
}
"""As the model's card in the catalogue has them."""


def clip_maker(folder: Path, seed: int) -> MakeClips:
    """`frames_NTHWC` for prompts; each call goes on with the same random stream."""
    pipeline = _load(folder)
    generator = torch.Generator().manual_seed(seed)

    def make_clips(prompts: Sequence[str]) -> np.ndarray:
        return _frames(
            pipeline(
                prompt=list(prompts),
                negative_prompt=[""] * len(prompts),
                generator=generator,
                **_SETTINGS,
            )
        )

    return make_clips


def image_clip_maker(folder: Path, seed: int) -> MakeImageClip:
    """The same from a prompt and the clip's first frame."""
    from diffusers import WanImageToVideoPipeline

    plain = _load(folder)
    parts = plain.components
    names = ("tokenizer", "text_encoder", "vae", "scheduler", "transformer")
    pipeline: Any = WanImageToVideoPipeline(
        **{name: parts[name] for name in names}, expand_timesteps=True
    )
    pipeline.set_progress_bar_config(disable=True)
    generator = torch.Generator().manual_seed(seed)

    def make_clip(prompt: str, first_frame_HWC: np.ndarray) -> np.ndarray:
        # Embedded here: this pipeline cleans prompts with ftfy, which WanPipeline does without.
        wanted, unwanted = plain.encode_prompt(prompt, negative_prompt="")
        clips = pipeline(
            Image.fromarray(first_frame_HWC),
            prompt_embeds=wanted,
            negative_prompt_embeds=unwanted,
            generator=generator,
            **_SETTINGS,
        )
        frames_THWC: np.ndarray = _frames(clips)[0]
        return frames_THWC

    return make_clip


def _load(folder: Path) -> Any:  # Any: diffusers ships no types
    from diffusers import WanPipeline

    pipeline = WanPipeline.from_pretrained(folder, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _frames(output: Any) -> np.ndarray:
    frames_NTHWC: np.ndarray = (np.asarray(output.frames) * 255).round().astype(np.uint8)
    return frames_NTHWC
