"""The sizes of a Wan model and how pictures enter it, from its components' configs.

Defaults are those of diffusers 0.42.1, for folders that were written before a key existed.
Invariant: numbers that come out fit together; a folder whose configs do not raises ModelError.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from telecine_platform.errors import ModelError

TRANSFORMER = "transformer"
LOW_NOISE_TRANSFORMER = "transformer_2"
VAE = "vae"
TEXT_ENCODER = "text_encoder"
TOKENIZER = "tokenizer"
SCHEDULER = "scheduler"
IMAGE_ENCODER = "image_encoder"
IMAGE_PROCESSOR = "image_processor"


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
class WanGeometry:
    """Sizes that latents and text follow from; every rank needs them, also without the VAE."""

    latent_channels: int
    text_width: int
    frames_per_latent: int
    pixels_per_latent: int
    latents_per_patch: int
    """Height and width of a patch; a token is one patch of one latent frame."""
    conditioning: Conditioning
    image_embedding: ImageEmbedding | None
    """None: the transformer sees pictures only by their latents, or not at all."""
    boundary_ratio: float | None
    """Share of the noise levels below which the second expert takes over; None: one expert."""

    @property
    def pixels_per_patch(self) -> int:
        """Height and width in pixels must be multiples of this."""
        return self.pixels_per_latent * self.latents_per_patch


def expert_names(folder: Path) -> tuple[str, ...]:
    """The folders of the transformers, the high-noise one first."""
    index = read_json(folder / "model_index.json")
    has_two = _is_component(index, LOW_NOISE_TRANSFORMER)
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
    if (ratio is not None) != _is_component(index, LOW_NOISE_TRANSFORMER):
        raise ModelError(
            f"{folder}/model_index.json has boundary_ratio {ratio}, which needs exactly two "
            f"experts: {TRANSFORMER} and {LOW_NOISE_TRANSFORMER}"
        )
    return None if ratio is None else float(ratio)


def _is_component(index: dict[str, Any], name: str) -> bool:  # Any: as in `read_json`
    """diffusers writes `[null, null]` for an optional component that a pipeline lacks."""
    return (index.get(name) or [None])[0] is not None


def read_json(path: Path) -> dict[str, Any]:  # Any: the values are checked where they are used
    """The JSON object in `path`; raises ModelError if there is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot read {path}: {error}") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} does not hold a JSON object")
    return content
