"""What a Wan model's folder has to hold, checked before anything heavy is imported or read.

Invariant: a folder that passes has every component, as safetensors, and is a variant that the
engine runs rightly; any other raises ModelError.
"""

from __future__ import annotations

from pathlib import Path

from telecine_platform.catalogue import ImageUse, ModelCard
from telecine_platform.errors import ModelError
from telecine_serve.models.wan_geometry import (
    IMAGE_ENCODER,
    IMAGE_PROCESSOR,
    SCHEDULER,
    TEXT_ENCODER,
    TOKENIZER,
    VAE,
    Conditioning,
    WanGeometry,
    expert_names,
    read_geometry,
    read_json,
)

_PIPELINES = ("WanPipeline", "WanImageToVideoPipeline")
_TEXT_TOKENS_BESIDE_IMAGE = 512
"""diffusers' Wan attention cuts image tokens off by this number (`WanAttnProcessor`, 0.42.1)."""


def check_folder(folder: Path) -> None:
    """Raises ModelError unless `folder` is a complete pipeline of a kind that we run."""
    if not folder.is_dir():
        raise ModelError(f"no model folder at {folder}: check TELECINE_MODEL or download the model")
    index = read_json(folder / "model_index.json")
    if index.get("_class_name") not in _PIPELINES:
        raise ModelError(
            f"{folder} holds a {index.get('_class_name')}; known: {', '.join(_PIPELINES)}"
        )
    _check_components(folder, (*expert_names(folder), VAE, TEXT_ENCODER), (TOKENIZER, SCHEDULER))
    if read_geometry(folder).image_embedding is not None:
        _check_components(folder, (IMAGE_ENCODER,), (IMAGE_PROCESSOR,))


def check_card(folder: Path, card: ModelCard) -> None:
    """Raises ModelError unless the folder's model takes the pictures that the card promises."""
    geometry = read_geometry(folder)
    possible = {
        Conditioning.TEXT_ONLY: ((ImageUse.NEVER,), (ImageUse.NEVER,)),
        Conditioning.CLEAN_FRAME: ((ImageUse.NEVER, ImageUse.OPTIONAL), (ImageUse.NEVER,)),
        Conditioning.CONCATENATED: ((ImageUse.REQUIRED,), _last_frame_uses(geometry)),
    }[geometry.conditioning]
    for name, use, allowed in (
        ("first_frame", card.first_frame, possible[0]),
        ("last_frame", card.last_frame, possible[1]),
    ):
        if use not in allowed:
            raise ModelError(
                f"the card {card.name} says {name} {use}, but the model in {folder} "
                f"({geometry.conditioning}) can do: {', '.join(allowed)}"
            )
    if geometry.image_embedding and card.max_text_tokens != _TEXT_TOKENS_BESIDE_IMAGE:
        raise ModelError(
            f"the card {card.name} says {card.max_text_tokens} text tokens; with an image encoder "
            f"diffusers' Wan attention needs {_TEXT_TOKENS_BESIDE_IMAGE}"
        )


def _last_frame_uses(geometry: WanGeometry) -> tuple[ImageUse, ...]:
    """A model that embeds pictures embeds as many as it was trained with."""
    if geometry.image_embedding is None:
        return (ImageUse.NEVER, ImageUse.OPTIONAL, ImageUse.REQUIRED)
    wants_two = geometry.image_embedding.num_pictures == 2
    return (ImageUse.REQUIRED,) if wants_two else (ImageUse.NEVER,)


def _check_components(folder: Path, weighted: tuple[str, ...], others: tuple[str, ...]) -> None:
    for component in (*weighted, *others):
        if not (folder / component).is_dir():
            raise ModelError(f"{folder} lacks the component {component}/")
    for component in weighted:
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
