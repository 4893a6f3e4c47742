"""Load a Wan model from a local folder in diffusers' format.

Invariant: what is loaded is complete, safetensors only and from this disk; a folder that does not
fit raises ModelError before a rank waits for its peers. A variant that we would run wrongly is
refused, not approximated.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from telecine_platform.catalogue import ModelCard
from telecine_platform.errors import ModelError
from telecine_serve.models.checksums import check_checksums
from telecine_serve.models.expert_seat import ExpertSeat
from telecine_serve.models.wan_folder import check_card, check_folder
from telecine_serve.models.wan_geometry import (
    IMAGE_ENCODER,
    IMAGE_PROCESSOR,
    SCHEDULER,
    TEXT_ENCODER,
    TOKENIZER,
    VAE,
    WanGeometry,
    expert_names,
    read_geometry,
    read_json,
)
from telecine_serve.models.wan_transformer import load_transformer
from telecine_serve.parallel.mesh import RankContext
from telecine_serve.parallel.placement import ALL_ON_GPU, Placement

_HOST = torch.device("cpu")
_SHIFT_NAMES = {"FlowMatchEulerDiscreteScheduler": "shift", "UniPCMultistepScheduler": "flow_shift"}
"""What each flow-matching scheduler of diffusers calls the timestep shift."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WanModel:
    """A loaded model, in evaluation mode and on its device."""

    card: ModelCard
    geometry: WanGeometry
    device: torch.device
    dtype: torch.dtype
    """Of transformer and text encoder; the VAE stays in float32, as in diffusers' Wan examples."""
    experts: tuple[Expert, ...]
    """One, or two: for high and for low noise."""
    seat: ExpertSeat | None
    """Where two experts take turns; None: the device holds every expert."""
    ends: WanEnds | None
    """None on ranks other than the leader: they encode neither text nor pictures."""
    vae: Any  # Any: AutoencoderKLWan, whose methods and `config` diffusers does not type
    """None where nothing is decoded: on all ranks but the leader, unless they decode in tiles."""
    scheduler_class: Any  # Any: diffusers ships no types
    scheduler_config: dict[str, Any]  # Any: diffusers' own keys, passed back to it unread

    def new_scheduler(self) -> Any:  # Any: diffusers ships no types
        """A scheduler without history, with the card's timestep shift."""
        shift_name = _SHIFT_NAMES[self.scheduler_class.__name__]
        return self.scheduler_class.from_config(
            self.scheduler_config, **{shift_name: self.card.flow_shift}
        )

    def expert_at(self, timestep: torch.Tensor) -> Expert:
        """Who predicts at this noise level: the first expert that reaches down to it.

        Its weights are on the device until another one is asked for.
        """
        expert = next(expert for expert in self.experts if timestep >= expert.from_timestep)
        if self.seat is not None:
            self.seat.take(expert.transformer)
        return expert


@dataclass(frozen=True, slots=True, kw_only=True)
class Expert:
    """One transformer and the noise levels that it was trained for."""

    transformer: nn.Module
    from_timestep: float
    """The lowest; 0 of the last expert."""
    guidance_share: float

    def guidance_scale(self, asked: float) -> float:
        """This expert's part of the request's guidance, never less than none (1)."""
        return max(1.0, asked * self.guidance_share)


@dataclass(frozen=True, slots=True, kw_only=True)
class WanEnds:
    """What stands before denoising, beside the VAE."""

    tokenizer: Any  # Any: transformers' tokenizers are untyped here
    text_encoder: nn.Module
    image_encoder: nn.Module | None
    """CLIP's; None for a transformer that does not attend to pictures."""
    image_processor: Any  # Any: CLIPImageProcessor, or None as above


def load_wan(
    folder: Path,
    card: ModelCard,
    dtype: torch.dtype,
    device: torch.device,
    ranks: RankContext | None = None,
    placement: Placement = ALL_ON_GPU,
) -> WanModel:
    """Load this rank's part of `folder` onto `device`, but for what `placement` keeps off it; the
    text encoder only on the leader, as the VAE unless it decodes in tiles.

    `ranks` is None for a single process. Raises ModelError for a folder that is missing,
    incomplete, damaged, pickled, of an unknown variant or not what its card says, PlanError if it
    does not divide.
    """
    check_folder(folder)
    check_card(folder, card)
    import diffusers
    import transformers

    # Progress bars of a worker process have no reader.
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    scheduler_config = read_json(folder / SCHEDULER / "scheduler_config.json")
    is_leader = ranks is None or ranks.is_leader
    take_turns = not placement.are_all_experts_resident and len(expert_names(folder)) > 1
    transformers_in_turn = (
        load_transformer(
            folder,
            dtype,
            device,
            ranks,
            component=name,
            weights_device=_HOST if take_turns else None,
        )
        for name in expert_names(folder)
    )
    seat = ExpertSeat(transformers_in_turn, device) if take_turns else None
    loaded = list(transformers_in_turn) if seat is None else seat.experts
    return WanModel(
        card=card,
        geometry=read_geometry(folder),
        device=device,
        dtype=dtype,
        experts=_experts(folder, card, loaded),
        seat=seat,
        ends=_load_ends(folder, dtype, device, placement) if is_leader else None,
        vae=_load_vae(folder, device, placement)
        if is_leader or placement.is_decode_tiled
        else None,
        scheduler_class=_scheduler_class(scheduler_config, folder),
        scheduler_config=scheduler_config,
    )


def _experts(folder: Path, card: ModelCard, loaded: list[nn.Module]) -> tuple[Expert, ...]:
    """Source of the boundary: `WanPipeline.__call__`, diffusers 0.42.1."""
    boundary_ratio = read_geometry(folder).boundary_ratio
    scheduler = read_json(folder / SCHEDULER / "scheduler_config.json")
    if boundary_ratio is None:
        return (Expert(transformer=loaded[0], from_timestep=0.0, guidance_share=1.0),)
    boundary = boundary_ratio * scheduler.get("num_train_timesteps", 1000)
    high, low = loaded
    return (
        Expert(transformer=high, from_timestep=boundary, guidance_share=1.0),
        Expert(transformer=low, from_timestep=0.0, guidance_share=card.low_noise_guidance),
    )


def _load_ends(
    folder: Path, dtype: torch.dtype, device: torch.device, placement: Placement
) -> WanEnds:
    import transformers

    has_image_encoder = read_geometry(folder).image_embedding is not None
    text_device = device if placement.is_text_encoder_on_gpu else _HOST
    return WanEnds(
        tokenizer=_load_plain(transformers.AutoTokenizer, folder / TOKENIZER),
        text_encoder=_load_weighted(
            transformers.UMT5EncoderModel, folder, TEXT_ENCODER, dtype, text_device
        ),
        # In float32, as in diffusers' Wan examples.
        image_encoder=_load_weighted(
            transformers.CLIPVisionModel, folder, IMAGE_ENCODER, torch.float32, device
        )
        if has_image_encoder
        else None,
        image_processor=_load_plain(transformers.CLIPImageProcessor, folder / IMAGE_PROCESSOR)
        if has_image_encoder
        else None,
    )


def _load_vae(folder: Path, device: torch.device, placement: Placement) -> Any:  # Any: as above
    import diffusers

    vae: Any = _load_weighted(diffusers.AutoencoderKLWan, folder, VAE, torch.float32, device)
    if placement.is_decode_tiled:
        vae.enable_tiling()
    return vae


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


def _scheduler_class(config: dict[str, Any], folder: Path) -> Any:  # Any: as in `WanModel`
    import diffusers

    name = config.get("_class_name")
    if name not in _SHIFT_NAMES:
        raise ModelError(f"{folder} wants scheduler {name}; known: {', '.join(_SHIFT_NAMES)}")
    return getattr(diffusers, name)
