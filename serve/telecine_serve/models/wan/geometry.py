"""The sizes of a Wan model and how pictures enter it, from its components' configs.

Defaults are those of diffusers 0.42.1, for folders that were written before a key existed.
Invariant: numbers that come out fit together; a folder whose configs do not raises ModelError.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from telecine_platform.errors import ModelError
from telecine_serve.models.folder import (
    IMAGE_ENCODER,
    LOW_NOISE_TRANSFORMER,
    TEXT_ENCODER,
    TRANSFORMER,
    VAE,
    is_component,
    read_json,
    weight_bytes,
)
from telecine_serve.models.geometry import Geometry
from telecine_serve.parallel.architecture import Architecture

PIPELINES = ("WanPipeline", "WanImageToVideoPipeline")


class Conditioning(StrEnum):
    """How pictures enter a Wan transformer."""

    TEXT_ONLY = "text only"
    CLEAN_FRAME = "clean first frame"
    """Wan 2.2 TI2V: the first latent frame is the picture's, its tokens have timestep 0."""
    CONCATENATED = "concatenated"
    """Wan 2.1 I2V, 2.2 I2V A14B: a mask and the pictures' latents are further input channels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageEmbedding:
    """What a CLIP image encoder makes of one picture."""

    num_tokens: int
    width: int
    num_pictures: int
    """2 for a model that wants first and last frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WanGeometry(Geometry):
    """And how pictures enter, and which expert predicts when."""

    conditioning: Conditioning
    image_embedding: ImageEmbedding | None
    """None: the transformer sees pictures only by their latents, or not at all."""
    boundary_ratio: float | None
    """Share of the noise levels below which the second expert takes over; None: one expert."""


def expert_names(folder: Path) -> tuple[str, ...]:
    """The folders of the transformers, the high-noise one first."""
    index = read_json(folder / "model_index.json")
    has_two = is_component(index, LOW_NOISE_TRANSFORMER)
    return (TRANSFORMER, LOW_NOISE_TRANSFORMER) if has_two else (TRANSFORMER,)


def read_geometry(folder: Path) -> WanGeometry:
    """Sizes from the components' configs; raises ModelError where they do not fit together."""
    index = read_json(folder / "model_index.json")
    transformer = read_json(folder / TRANSFORMER / "config.json")
    vae = read_json(folder / VAE / "config.json")
    frames_per_latent = int(vae.get("scale_factor_temporal", 4))
    latent_channels = int(vae.get("z_dim", 16))
    try:
        latents_per_patch = int(transformer["patch_size"][1])
        text_width = int(transformer["text_dim"])
        num_channels = int(transformer["in_channels"])
    except KeyError as error:
        raise ModelError(f"{folder}/{TRANSFORMER}/config.json lacks {error}") from error
    return WanGeometry(
        latent_channels=latent_channels,
        text_width=text_width,
        frames_per_latent=frames_per_latent,
        pixels_per_latent=int(vae.get("scale_factor_spatial", 8)),
        latents_per_patch=latents_per_patch,
        conditioning=_conditioning(folder, index, num_channels, latent_channels, frames_per_latent),
        image_embedding=_image_embedding(folder, transformer),
        boundary_ratio=_boundary_ratio(folder, index),
    )


def read_architecture(folder: Path, num_text_tokens: int) -> Architecture:
    """What the planner wants to know; raises ModelError if the configs do not say."""
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
            text_encoder_bytes=weight_bytes(folder / TEXT_ENCODER),
            vae_bytes=weight_bytes(folder / VAE),
            attends_to_images=transformer.get("added_kv_proj_dim") is not None,
            image_encoder_bytes=weight_bytes(folder / IMAGE_ENCODER),
            vae_top_channels=int(vae.get("decoder_base_dim") or vae.get("base_dim", 96)),
        )
    except KeyError as error:
        raise ModelError(f"{folder}/{TRANSFORMER}/config.json lacks {error}") from error


def _conditioning(
    folder: Path,
    index: dict[str, Any],  # Any: as in `read_json`
    num_channels: int,
    latent_channels: int,
    frames_per_latent: int,
) -> Conditioning:
    """Source of the channels: `WanImageToVideoPipeline.prepare_latents`, diffusers 0.42.1."""
    if num_channels == latent_channels:
        is_per_token = index.get("expand_timesteps")
        return Conditioning.CLEAN_FRAME if is_per_token else Conditioning.TEXT_ONLY
    if num_channels == 2 * latent_channels + frames_per_latent:
        return Conditioning.CONCATENATED
    raise ModelError(
        f"{folder}: the transformer takes {num_channels} channels, the VAE has {latent_channels}; "
        f"known are as many (text) or {2 * latent_channels + frames_per_latent} (pictures)"
    )


def _image_embedding(
    folder: Path,
    transformer: dict[str, Any],  # Any: as in `read_json`
) -> ImageEmbedding | None:
    if transformer.get("image_dim") is None:
        return None
    encoder = read_json(folder / IMAGE_ENCODER / "config.json")
    try:
        side = int(encoder["image_size"]) // int(encoder["patch_size"])
        num_tokens, width = side * side + 1, int(encoder["hidden_size"])
    except KeyError as error:
        raise ModelError(f"{folder}/{IMAGE_ENCODER}/config.json lacks {error}") from error
    wants_two = transformer.get("pos_embed_seq_len") is not None
    if width != int(transformer["image_dim"]):
        raise ModelError(
            f"{folder}: the image encoder is {width} wide, the transformer wants "
            f"{transformer['image_dim']}"
        )
    return ImageEmbedding(num_tokens=num_tokens, width=width, num_pictures=1 + wants_two)


def _boundary_ratio(
    folder: Path,
    index: dict[str, Any],  # Any: as in `read_json`
) -> float | None:
    ratio = index.get("boundary_ratio")
    if (ratio is not None) != is_component(index, LOW_NOISE_TRANSFORMER):
        raise ModelError(
            f"{folder}/model_index.json has boundary_ratio {ratio}, which needs exactly two "
            f"experts: {TRANSFORMER} and {LOW_NOISE_TRANSFORMER}"
        )
    return None if ratio is None else float(ratio)
