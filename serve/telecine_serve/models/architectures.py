"""The architecture of each model in the catalogue, and of any folder in diffusers' format.

The table serves planning without the weights. Source: Wan-Video/Wan2.1 and Wan2.2
`wan/configs/*.py` for the transformers; sizes of text encoder (UMT5-XXL, 5.7 B in bf16) and VAE
(127 M in float32; Wan 2.2's 705 M) are those of the published files.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from telecine_platform.errors import ModelError, NotFound
from telecine_serve.models.wan_geometry import (
    IMAGE_ENCODER,
    TEXT_ENCODER,
    TRANSFORMER,
    VAE,
    expert_names,
    read_geometry,
    read_json,
)
from telecine_serve.parallel.architecture import Architecture


def _wan(*, num_layers: int, width: int, ffn_width: int, num_heads: int) -> Architecture:
    """A text-to-video Wan model with the Wan 2.1 VAE."""
    return Architecture(
        num_layers=num_layers,
        width=width,
        ffn_width=ffn_width,
        num_heads=num_heads,
        num_experts=1,
        text_width=4096,
        num_text_tokens=512,
        latent_channels=16,
        frames_per_latent=4,
        pixels_per_latent=8,
        pixels_per_patch=16,
        text_encoder_bytes=11_362_000_000,
        vae_bytes=508_000_000,
        vae_top_channels=96,
    )


_WAN_14B = _wan(num_layers=40, width=5120, ffn_width=13_824, num_heads=40)
_WAN_I2V_14B = replace(_WAN_14B, attends_to_images=True, image_encoder_bytes=2_530_000_000)
"""CLIP ViT-H/14 in float32: 632 M parameters."""
_WAN_A14B = replace(_WAN_14B, num_experts=2)
_WAN_5B = replace(
    _wan(num_layers=30, width=3072, ffn_width=14_336, num_heads=24),
    latent_channels=48,
    pixels_per_latent=16,
    pixels_per_patch=32,
    vae_bytes=2_820_000_000,
    vae_top_channels=256,
)

ARCHITECTURES: dict[str, Architecture] = {
    "wan2.1-t2v-1.3b": _wan(num_layers=30, width=1536, ffn_width=8960, num_heads=12),
    "wan2.1-t2v-14b": _WAN_14B,
    "wan2.1-i2v-14b-480p": _WAN_I2V_14B,
    "wan2.1-i2v-14b-720p": _WAN_I2V_14B,
    "wan2.1-flf2v-14b-720p": _WAN_I2V_14B,
    "wan2.2-t2v-a14b": _WAN_A14B,
    "wan2.2-i2v-a14b": _WAN_A14B,
    "wan2.2-ti2v-5b": _WAN_5B,
}


def architecture_from_name(name: str) -> Architecture:
    """NotFound lists what the planner knows."""
    try:
        return ARCHITECTURES[name]
    except KeyError:
        known = ", ".join(sorted(ARCHITECTURES))
        raise NotFound(f"the planner does not know {name!r}; it knows: {known}") from None


def architecture_from_folder(folder: Path, num_text_tokens: int) -> Architecture:
    """Read from the components' configs; raises ModelError if they do not say."""
    transformer = read_json(folder / TRANSFORMER / "config.json")
    vae = read_json(folder / VAE / "config.json")
    geometry = read_geometry(folder)
    try:
        num_heads = int(transformer["num_attention_heads"])
        return Architecture(
            num_layers=int(transformer["num_layers"]),
            width=num_heads * int(transformer["attention_head_dim"]),
            ffn_width=int(transformer["ffn_dim"]),
            num_heads=num_heads,
            num_experts=len(expert_names(folder)),
            text_width=geometry.text_width,
            num_text_tokens=num_text_tokens,
            latent_channels=geometry.latent_channels,
            frames_per_latent=geometry.frames_per_latent,
            pixels_per_latent=geometry.pixels_per_latent,
            pixels_per_patch=geometry.pixels_per_patch,
            text_encoder_bytes=_weight_bytes(folder / TEXT_ENCODER),
            vae_bytes=_weight_bytes(folder / VAE),
            attends_to_images=transformer.get("added_kv_proj_dim") is not None,
            image_encoder_bytes=_weight_bytes(folder / IMAGE_ENCODER),
            vae_top_channels=int(vae.get("decoder_base_dim") or vae.get("base_dim", 96)),
        )
    except KeyError as error:
        raise ModelError(f"{folder}/{TRANSFORMER}/config.json lacks {error}") from error


def _weight_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))
