"""The sizes of an LTX model from its components' configs, and what its folder has to hold.

Defaults are those of diffusers 0.42.1. Invariant: a folder that passes is a variant that the engine
runs rightly; any other raises ModelError.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from telecine_platform.catalogue import ImageUse, ModelCard
from telecine_platform.errors import ModelError
from telecine_serve.models.folder import (
    SCHEDULER,
    TEXT_ENCODER,
    TOKENIZER,
    TRANSFORMER,
    VAE,
    check_components,
    read_json,
    weight_bytes,
)
from telecine_serve.models.geometry import Geometry
from telecine_serve.parallel.architecture import Architecture

PIPELINES = ("LTXPipeline", "LTXImageToVideoPipeline")
"""The same weights do both."""
_FFN_WIDTHS = 4
"""The feed-forward layer's width, in widths of the model: `FeedForward`'s default."""


def read_geometry(folder: Path) -> Geometry:
    """A token is one latent: the VAE takes patches itself."""
    transformer = read_json(folder / TRANSFORMER / "config.json")
    vae = read_json(folder / VAE / "config.json")
    latent_channels = int(vae.get("latent_channels", 128))
    num_channels = int(transformer.get("in_channels", 128))
    if num_channels != latent_channels:
        raise ModelError(
            f"{folder}: the transformer has {num_channels} channels, its VAE has {latent_channels}"
        )
    halvings = sum(vae.get("spatio_temporal_scaling", (True, True, True, False)))
    frames_per_latent = vae.get("temporal_compression_ratio")
    pixels_per_latent = vae.get("spatial_compression_ratio")
    return Geometry(
        latent_channels=latent_channels,
        text_width=int(transformer.get("caption_channels", 4096)),
        frames_per_latent=int(frames_per_latent or vae.get("patch_size_t", 1) * 2**halvings),
        pixels_per_latent=int(pixels_per_latent or vae.get("patch_size", 4) * 2**halvings),
        latents_per_patch=1,
    )


def check_folder(folder: Path, card: ModelCard) -> None:
    """Raises ModelError unless the folder is complete and can do what the card says."""
    check_components(folder, (TRANSFORMER, VAE, TEXT_ENCODER), (TOKENIZER, SCHEDULER))
    transformer = read_json(folder / TRANSFORMER / "config.json")
    vae = read_json(folder / VAE / "config.json")
    if card.first_frame is ImageUse.REQUIRED or card.last_frame is not ImageUse.NEVER:
        raise ModelError(
            f"the card {card.name} says first_frame {card.first_frame}, last_frame "
            f"{card.last_frame}; LTX can do a first frame, optional, and no last one"
        )
    for key in ("patch_size", "patch_size_t"):
        if transformer.get(key, 1) != 1:
            raise ModelError(f"{folder}: the transformer has {key} {transformer[key]}; 1 is known")
    if vae.get("timestep_conditioning") or any(vae.get("decoder_inject_noise", ())):
        raise ModelError(
            f"{folder}: its VAE adds noise as it decodes (LTX-Video 0.9.1 and later), which would "
            "differ from rank to rank: take a model of version 0.9"
        )


def read_architecture(folder: Path, num_text_tokens: int) -> Architecture:
    """What the planner wants to know; raises ModelError if the configs do not say."""
    transformer = read_json(folder / TRANSFORMER / "config.json")
    geometry = read_geometry(folder)
    num_heads = int(transformer.get("num_attention_heads", 32))
    width = num_heads * int(transformer.get("attention_head_dim", 64))
    return Architecture(
        num_layers=int(transformer.get("num_layers", 28)),
        width=width,
        ffn_width=_FFN_WIDTHS * width,
        num_heads=num_heads,
        num_experts=1,
        text_width=geometry.text_width,
        num_text_tokens=num_text_tokens,
        latent_channels=geometry.latent_channels,
        frames_per_latent=geometry.frames_per_latent,
        pixels_per_latent=geometry.pixels_per_latent,
        pixels_per_patch=geometry.pixels_per_patch,
        text_encoder_bytes=weight_bytes(folder / TEXT_ENCODER),
        vae_bytes=weight_bytes(folder / VAE),
        vae_top_channels=_top_channels(read_json(folder / VAE / "config.json")),
        is_decoded_at_once=True,
        decode_tile_px=512,
        decode_stride_px=448,
    )


def _top_channels(vae: dict[str, Any]) -> int:  # Any: as in `read_json`
    """Of the decoder's last feature maps, counted at full resolution: they are of patches."""
    channels = vae.get("decoder_block_out_channels", (128, 256, 512, 512))
    return -(-int(channels[0]) // int(vae.get("patch_size", 4)) ** 2)
