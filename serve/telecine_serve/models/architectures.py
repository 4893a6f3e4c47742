"""The architecture of each model in the catalogue, and of any folder in diffusers' format.

The table serves planning without the weights. Source: Wan-Video/Wan2.1 and Wan2.2
`wan/configs/*.py` for the transformers; sizes of text encoder (UMT5-XXL, 5.7 B in bf16) and VAE
(127 M in float32) are those of the published files.
"""

from __future__ import annotations

from pathlib import Path

from telecine_platform.errors import ModelError, NotFound
from telecine_serve.models.wan_geometry import (
    TEXT_ENCODER,
    TRANSFORMER,
    VAE,
    expert_names,
    read_geometry,
    read_json,
)
from telecine_serve.parallel.architecture import Architecture


def _wan(
    *, num_layers: int, width: int, ffn_width: int, num_heads: int, num_experts: int = 1
) -> Architecture:
    """A text-to-video Wan model with the Wan 2.1 VAE."""
    return Architecture(
        num_layers=num_layers,
        width=width,
        ffn_width=ffn_width,
        num_heads=num_heads,
        num_experts=num_experts,
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


ARCHITECTURES: dict[str, Architecture] = {
    "wan2.1-t2v-1.3b": _wan(num_layers=30, width=1536, ffn_width=8960, num_heads=12),
    "wan2.1-t2v-14b": _wan(num_layers=40, width=5120, ffn_width=13_824, num_heads=40),
    "wan2.2-t2v-a14b": _wan(
        num_layers=40, width=5120, ffn_width=13_824, num_heads=40, num_experts=2
    ),
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
            vae_top_channels=int(vae.get("decoder_base_dim") or vae.get("base_dim", 96)),
        )
    except KeyError as error:
        raise ModelError(f"{folder}/{TRANSFORMER}/config.json lacks {error}") from error


def _weight_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))
