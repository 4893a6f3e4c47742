"""Puts the trained parts together as a folder in diffusers' format, weights in half precision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from telecine_serve.embedded.training.latents import Spread
from telecine_serve.embedded.training.transformer import Model
from telecine_serve.models.checksums import write_checksums

FLOW_SHIFT = 3.0


def write_folder(vae: Any, spread: Spread, model: Model, folder: Path) -> None:
    """Write `folder`; what is there of the same name is replaced.

    The text encoder stays in single precision: it is small, and transformers gives a model the
    precision of its file.
    """
    from diffusers import FlowMatchEulerDiscreteScheduler, WanPipeline

    vae.register_to_config(latents_mean=list(spread.mean_C), latents_std=list(spread.std_C))
    pipeline = WanPipeline(
        tokenizer=model.tokenizer,
        text_encoder=model.text_encoder.float(),
        vae=vae.to(torch.float16),
        transformer=model.transformer.to(torch.float16),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=FLOW_SHIFT),
        expand_timesteps=True,
    )
    pipeline.save_pretrained(folder, safe_serialization=True)
    write_checksums(folder)
    for path in folder.rglob("*.safetensors"):
        path.chmod(0o644)  # safetensors makes them private
