"""What a Wan model's folder has to hold, checked before anything heavy is imported or read.

Invariant: a folder that passes has every component, as safetensors, and is a variant that the
engine runs rightly; any other raises ModelError.
"""

from __future__ import annotations

from pathlib import Path

from telecine_platform.catalogue import ImageUse, ModelCard
from telecine_platform.errors import ModelError
from telecine_serve.models.folder import (
    IMAGE_ENCODER,
    IMAGE_PROCESSOR,
    SCHEDULER,
    TEXT_ENCODER,
    TOKENIZER,
    VAE,
    check_components,
)
from telecine_serve.models.wan.geometry import (
    Conditioning,
    WanGeometry,
    expert_names,
    read_geometry,
)

_TEXT_TOKENS_BESIDE_IMAGE = 512
"""diffusers' Wan attention cuts image tokens off by this number (`WanAttnProcessor`, 0.42.1)."""


def check_components_of(folder: Path) -> None:
    """Raises ModelError unless all components of this member of the family are there."""
    check_components(folder, (*expert_names(folder), VAE, TEXT_ENCODER), (TOKENIZER, SCHEDULER))
    if read_geometry(folder).image_embedding is not None:
        check_components(folder, (IMAGE_ENCODER,), (IMAGE_PROCESSOR,))


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
