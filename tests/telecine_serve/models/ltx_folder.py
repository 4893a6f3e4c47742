"""A member of the LTX family, tiny and with random weights; its words are the embedded model's."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch

from telecine_platform.catalogue import ModelCard, card_from_name
from telecine_platform.records import VideoSpec
from telecine_serve.models.images import Images
from tests.telecine_serve.specs import small_spec

CARD: ModelCard = card_from_name("ltx-video-0.9")
SPEC: VideoSpec = small_spec(
    width_px=96, height_px=96, num_frames=17, fps=CARD.fps, negative_prompt="dark fog"
)
"""27 tokens, which do not divide over two ranks."""
FIRST = Images(
    first_HWC=np.random.default_rng(1).integers(0, 256, (96, 96, 3), dtype=np.uint8),
)
_LATENT_CHANNELS = 8
_TEXT_WIDTH = 32


def write_ltx(embedded_folder: Path, folder: Path, **vae_changes: Any) -> Path:
    """Write the model into the new `folder`, and return that. Any: the VAE's own arguments."""
    from diffusers import (
        AutoencoderKLLTXVideo,
        FlowMatchEulerDiscreteScheduler,
        LTXVideoTransformer3DModel,
    )
    from transformers import T5Config, T5EncoderModel

    tokenizer = embedded_folder / "tokenizer"
    num_words = len(json.loads((tokenizer / "tokenizer.json").read_text())["model"]["vocab"])
    text_config = T5Config(
        vocab_size=num_words,
        d_model=_TEXT_WIDTH,
        d_kv=16,
        d_ff=64,
        num_layers=2,
        num_heads=2,
        feed_forward_proj="gated-gelu",
    )
    vae_arguments: dict[str, Any] = {
        "latent_channels": _LATENT_CHANNELS,
        "block_out_channels": (8, 8, 16, 16),
        "decoder_block_out_channels": (8, 8, 16, 16),
        "layers_per_block": (1, 1, 1, 1, 1),
        "decoder_layers_per_block": (1, 1, 1, 1, 1),
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        transformer = LTXVideoTransformer3DModel(
            in_channels=_LATENT_CHANNELS,
            out_channels=_LATENT_CHANNELS,
            num_attention_heads=4,
            attention_head_dim=24,
            cross_attention_dim=96,
            num_layers=3,
            caption_channels=_TEXT_WIDTH,
        )
        vae = AutoencoderKLLTXVideo(**vae_arguments | vae_changes)
        vae.latents_mean.normal_()
        vae.latents_std.uniform_(0.5, 2.0)
        transformer.save_pretrained(folder / "transformer")
        vae.save_pretrained(folder / "vae")
        T5EncoderModel(text_config).save_pretrained(folder / "text_encoder")
    # As published with LTX-Video 0.9.
    FlowMatchEulerDiscreteScheduler(
        base_shift=0.95, max_shift=2.05, shift_terminal=0.1, use_dynamic_shifting=True
    ).save_pretrained(folder / "scheduler")
    shutil.copytree(tokenizer, folder / "tokenizer")
    index = {
        "_class_name": "LTXPipeline",
        "transformer": ["diffusers", "LTXVideoTransformer3DModel"],
        "vae": ["diffusers", "AutoencoderKLLTXVideo"],
        "text_encoder": ["transformers", "T5EncoderModel"],
        "tokenizer": _read(embedded_folder / "model_index.json")["tokenizer"],
        "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
    }
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


def _read(path: Path) -> dict[str, Any]:  # Any: JSON
    content: dict[str, Any] = json.loads(path.read_text())
    return content
