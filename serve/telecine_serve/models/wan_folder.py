"""What a Wan model's folder has to hold, checked before anything heavy is imported or read.

Invariant: a folder that passes has every component, as safetensors, and is a variant that the
engine runs rightly; any other raises ModelError.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from telecine_platform.errors import ModelError

TRANSFORMER = "transformer"
VAE = "vae"
TEXT_ENCODER = "text_encoder"
TOKENIZER = "tokenizer"
SCHEDULER = "scheduler"
_WEIGHTED = (TRANSFORMER, VAE, TEXT_ENCODER)


@dataclass(frozen=True, slots=True, kw_only=True)
class WanGeometry:
    """Sizes that latents and text follow from; every rank needs them, also without the VAE."""

    latent_channels: int
    text_width: int
    frames_per_latent: int
    pixels_per_latent: int
    pixels_per_patch: int
    """Height and width in pixels must be multiples of this."""


def check_folder(folder: Path) -> None:
    """Raises ModelError unless `folder` is a complete text-to-video pipeline with one expert."""
    if not folder.is_dir():
        raise ModelError(f"no model folder at {folder}: check TELECINE_MODEL or download the model")
    index = read_json(folder / "model_index.json")
    if index.get("_class_name") != "WanPipeline":
        raise ModelError(f"{folder} holds a {index.get('_class_name')}, not a WanPipeline")
    if (index.get("transformer_2") or [None])[0] is not None or index.get("boundary_ratio"):
        raise ModelError(f"{folder} has two experts (Wan 2.2 A14B), which we do not run yet")
    if index.get("expand_timesteps"):
        raise ModelError(f"{folder} wants per-token timesteps (Wan 2.2 TI2V): not supported yet")
    for component in (*_WEIGHTED, TOKENIZER, SCHEDULER):
        if not (folder / component).is_dir():
            raise ModelError(f"{folder} lacks the component {component}/")
    for component in _WEIGHTED:
        _check_safetensors(folder / component)


def _check_safetensors(folder: Path) -> None:
    if any(folder.glob("*.safetensors")):
        return
    pickled = sorted(path.name for path in folder.iterdir() if path.suffix in {".bin", ".pt"})
    if pickled:
        raise ModelError(
            f"{folder} has only pickled weights ({', '.join(pickled)}), which can run code when "
            "loaded: convert them to safetensors"
        )
    raise ModelError(f"{folder} has no *.safetensors weights")


def read_geometry(folder: Path) -> WanGeometry:
    """Sizes from the components' configs; raises ModelError for a model that wants an image."""
    transformer = read_json(folder / TRANSFORMER / "config.json")
    vae = read_json(folder / VAE / "config.json")
    if transformer.get("image_dim") or transformer.get("added_kv_proj_dim"):
        raise ModelError(f"{folder} wants an image (Wan I2V): not supported yet")
    pixels_per_latent = int(vae.get("scale_factor_spatial", 8))
    try:
        return WanGeometry(
            latent_channels=int(transformer["in_channels"]),
            text_width=int(transformer["text_dim"]),
            frames_per_latent=int(vae.get("scale_factor_temporal", 4)),
            pixels_per_latent=pixels_per_latent,
            pixels_per_patch=pixels_per_latent * int(transformer["patch_size"][1]),
        )
    except KeyError as error:
        raise ModelError(f"{folder}/{TRANSFORMER}/config.json lacks {error}") from error


def read_json(path: Path) -> dict[str, Any]:  # Any: the values are checked where they are used
    """The JSON object in `path`; raises ModelError if there is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot read {path}: {error}") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} does not hold a JSON object")
    return content
