"""Load a model from a local folder in diffusers' format.

Invariant: what is loaded is complete, safetensors only and from this disk; a folder that does not
fit raises ModelError before a rank waits for its peers. A variant that we would run wrongly is
refused, not approximated.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from telecine_platform.catalogue import ModelCard
from telecine_platform.errors import ModelError
from telecine_serve.models.checksums import check_checksums
from telecine_serve.models.decoder import Decoder
from telecine_serve.models.expert_seat import ExpertSeat
from telecine_serve.models.families import family_of
from telecine_serve.models.family import Ends, Family, Model
from telecine_serve.models.folder import (
    IMAGE_ENCODER,
    IMAGE_PROCESSOR,
    SCHEDULER,
    TEXT_ENCODER,
    TOKENIZER,
    VAE,
    read_index,
    read_json,
)
from telecine_serve.models.transformer import load_transformer
from telecine_serve.parallel.mesh import RankContext
from telecine_serve.parallel.placement import ALL_ON_GPU, Placement

_HOST = torch.device("cpu")


def load_model(
    folder: Path,
    card: ModelCard,
    dtype: torch.dtype,
    device: torch.device,
    ranks: RankContext | None = None,
    placement: Placement = ALL_ON_GPU,
) -> Model:
    """Load this rank's part of `folder` onto `device`, but for what `placement` keeps off it; the
    text encoder only on the leader, as the VAE unless it decodes in tiles.

    `ranks` is None for a single process. Raises ModelError for a folder that is missing,
    incomplete, damaged, pickled, of an unknown variant or not what its card says, PlanError if it
    does not divide.
    """
    family = family_of(card)
    _check_pipeline(folder, family, card)
    family.check_folder(folder, card)
    import diffusers
    import transformers

    # Progress bars of a worker process have no reader.
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    scheduler_config = read_json(folder / SCHEDULER / "scheduler_config.json")
    is_leader = ranks is None or ranks.is_leader
    names = family.expert_names(folder)
    take_turns = not placement.are_all_experts_resident and len(names) > 1
    transformers_in_turn = (
        load_transformer(
            folder,
            family,
            dtype,
            device,
            ranks,
            component=name,
            weights_device=_HOST if take_turns else None,
            is_streamed=placement.are_weights_streamed,
        )
        for name in names
    )
    seat = ExpertSeat(transformers_in_turn, device) if take_turns else None
    loaded = list(transformers_in_turn) if seat is None else seat.experts
    decodes = is_leader or placement.is_decode_tiled
    return Model(
        family=family,
        card=card,
        geometry=family.read_geometry(folder),
        device=device,
        dtype=dtype,
        experts=family.experts(folder, card, loaded),
        seat=seat,
        ends=_load_ends(folder, family, dtype, device, placement) if is_leader else None,
        decoder=_load_decoder(folder, family, device, placement) if decodes else None,
        scheduler_class=_scheduler_class(scheduler_config, folder, family),
        scheduler_config=scheduler_config,
    )


def _check_pipeline(folder: Path, family: Family, card: ModelCard) -> None:
    name = read_index(folder).get("_class_name")
    if name not in family.pipelines:
        raise ModelError(
            f"{folder} holds a {name}; known for {card.name}: {', '.join(family.pipelines)}"
        )


def _load_ends(
    folder: Path, family: Family, dtype: torch.dtype, device: torch.device, placement: Placement
) -> Ends:
    import transformers

    text_class = getattr(transformers, family.text_encoder_class)
    text_device = device if placement.is_text_encoder_on_gpu else _HOST
    tokenizer = _load_plain(transformers.AutoTokenizer, folder / TOKENIZER)
    text_encoder = _load_weighted(text_class, folder, TEXT_ENCODER, dtype, text_device)
    if not family.has_image_encoder(folder):
        return Ends(tokenizer=tokenizer, text_encoder=text_encoder)
    return Ends(
        tokenizer=tokenizer,
        text_encoder=text_encoder,
        # In float32, as in diffusers' Wan examples.
        image_encoder=_load_weighted(
            transformers.CLIPVisionModel, folder, IMAGE_ENCODER, torch.float32, device
        ),
        image_processor=_load_plain(transformers.CLIPImageProcessor, folder / IMAGE_PROCESSOR),
    )


def _load_decoder(
    folder: Path, family: Family, device: torch.device, placement: Placement
) -> Decoder:
    import diffusers

    vae_class = getattr(diffusers, family.vae_class)
    vae: Any = _load_weighted(vae_class, folder, VAE, torch.float32, device)  # Any: untyped
    if placement.is_decode_tiled:
        vae.enable_tiling()
    return family.decoder_class(vae)


def _load_weighted(
    model_class: Any,  # Any: diffusers and transformers ship no types
    folder: Path,
    component: str,
    dtype: torch.dtype,
    device: torch.device,
) -> nn.Module:
    check_checksums(folder, sorted((folder / component).glob("*.safetensors")))
    try:
        model, report = model_class.from_pretrained(
            folder,
            subfolder=component,
            dtype=dtype,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
        )
    # Broad, because the libraries raise anything from OSError to SafetensorError for a bad file.
    except Exception as error:
        raise ModelError(f"cannot load {folder / component}: {error}") from error
    # Both libraries fill missing weights with random ones and only log it.
    problems = {kind: sorted(map(str, keys)) for kind, keys in report.items() if keys}
    if problems:
        raise ModelError(f"the weights in {folder / component} do not fit: {problems}")
    loaded: nn.Module = model.to(device).eval().requires_grad_(False)
    return loaded


def _load_plain(library_class: Any, folder: Path) -> Any:  # Any: transformers' are untyped here
    """A component without weights."""
    try:
        return library_class.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # as above
        raise ModelError(f"cannot load {folder}: {error}") from error


def _scheduler_class(
    config: dict[str, Any],  # Any: as in `Model`
    folder: Path,
    family: Family,
) -> Any:
    import diffusers

    name = config.get("_class_name")
    if name not in family.scheduler_classes:
        known = ", ".join(family.scheduler_classes)
        raise ModelError(f"{folder} wants scheduler {name}; known: {known}")
    return getattr(diffusers, name)
