"""The architecture of each model in the catalogue, and of any folder in diffusers' format.

The table serves planning without the weights. Source: Wan-Video/Wan2.1 and Wan2.2
`wan/configs/*.py` for the transformers; sizes of text encoder (UMT5-XXL, 5.7 B in bf16) and VAE
(127 M in float32; Wan 2.2's 705 M) are those of the published files.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from telecine_platform.errors import ModelError, NotFound
from telecine_serve.models.folder import read_index
from telecine_serve.models.ltx import geometry as ltx_geometry
from telecine_serve.models.wan import geometry as wan_geometry
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

_LTX_2B = Architecture(
    num_layers=28,
    width=2048,
    ffn_width=8192,
    num_heads=32,
    num_experts=1,
    text_width=4096,
    num_text_tokens=128,
    latent_channels=128,
    frames_per_latent=8,
    pixels_per_latent=32,
    pixels_per_patch=32,
    text_encoder_bytes=9_524_000_000,
    vae_bytes=1_677_000_000,
    vae_top_channels=8,
    is_decoded_at_once=True,
    decode_tile_px=512,
    decode_stride_px=448,
)
"""T5-XXL in bf16: 4.76 B parameters. VAE in float32: 419 M. Both counted in diffusers' and
transformers' own classes, with the defaults of LTX-Video 0.9."""

ARCHITECTURES: dict[str, Architecture] = {
    "wan2.1-t2v-1.3b": _wan(num_layers=30, width=1536, ffn_width=8960, num_heads=12),
    "wan2.1-t2v-14b": _WAN_14B,
    "wan2.1-i2v-14b-480p": _WAN_I2V_14B,
    "wan2.1-i2v-14b-720p": _WAN_I2V_14B,
    "wan2.1-flf2v-14b-720p": _WAN_I2V_14B,
    "wan2.2-t2v-a14b": _WAN_A14B,
    "wan2.2-i2v-a14b": _WAN_A14B,
    "wan2.2-ti2v-5b": _WAN_5B,
    "ltx-video-0.9": _LTX_2B,
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
    name = read_index(folder).get("_class_name")
    for pipelines, read_architecture in (
        (wan_geometry.PIPELINES, wan_geometry.read_architecture),
        (ltx_geometry.PIPELINES, ltx_geometry.read_architecture),
    ):
        if name in pipelines:
            return read_architecture(folder, num_text_tokens)
    raise ModelError(f"the planner does not know a {name}, which {folder} holds")
