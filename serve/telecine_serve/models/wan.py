"""Load a Wan model from a local folder in diffusers' format.

Invariant: what is loaded is complete, safetensors only and from this disk; a folder that does not
fit raises ModelError before a rank waits for its peers. A model variant that we would run wrongly
(two experts, image conditioning, per-token timesteps) is refused, not approximated.
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
from telecine_serve.models.wan_folder import (
    SCHEDULER,
    TEXT_ENCODER,
    TOKENIZER,
    VAE,
    WanGeometry,
    check_folder,
    read_geometry,
    read_json,
)
from telecine_serve.models.wan_transformer import load_transformer
from telecine_serve.parallel.mesh import RankContext

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
    transformer: nn.Module
    ends: WanEnds | None
    """None on ranks other than the leader: they neither encode text nor decode frames."""
    scheduler_class: Any  # Any: diffusers ships no types
    scheduler_config: dict[str, Any]  # Any: diffusers' own keys, passed back to it unread

    def new_scheduler(self) -> Any:  # Any: diffusers ships no types
        """A scheduler without history, with the card's timestep shift."""
        shift_name = _SHIFT_NAMES[self.scheduler_class.__name__]
        return self.scheduler_class.from_config(
            self.scheduler_config, **{shift_name: self.card.flow_shift}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WanEnds:
    """What stands before and after denoising."""

    tokenizer: Any  # Any: transformers' tokenizers are untyped here
    text_encoder: nn.Module
    vae: Any  # Any: AutoencoderKLWan, whose `decode` and `config` diffusers does not type


def load_wan(
    folder: Path,
    card: ModelCard,
    dtype: torch.dtype,
    device: torch.device,
    ranks: RankContext | None = None,
) -> WanModel:
    """Load this rank's part of `folder` onto `device`; text encoder and VAE only on the leader.

    `ranks` is None for a single process. Raises ModelError for a folder that is missing,
    incomplete, damaged, pickled or of an unknown variant, PlanError if it does not divide.
    """
    check_folder(folder)
    import diffusers
    import transformers

    # Progress bars of a worker process have no reader.
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    scheduler_config = read_json(folder / SCHEDULER / "scheduler_config.json")
    return WanModel(
        card=card,
        geometry=read_geometry(folder),
        device=device,
        dtype=dtype,
        transformer=load_transformer(folder, dtype, device, ranks),
        ends=WanEnds(
            tokenizer=_load_tokenizer(folder),
            text_encoder=_load_weighted(
                transformers.UMT5EncoderModel, folder, TEXT_ENCODER, dtype, device
            ),
            vae=_load_weighted(diffusers.AutoencoderKLWan, folder, VAE, torch.float32, device),
        )
        if ranks is None or ranks.is_leader
        else None,
        scheduler_class=_scheduler_class(scheduler_config, folder),
        scheduler_config=scheduler_config,
    )


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


def _load_tokenizer(folder: Path) -> Any:  # Any: transformers' tokenizers are untyped here
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder / TOKENIZER, local_files_only=True)
    except Exception as error:  # as above
        raise ModelError(f"cannot load {folder / TOKENIZER}: {error}") from error


def _scheduler_class(config: dict[str, Any], folder: Path) -> Any:  # Any: as in `WanModel`
    import diffusers

    name = config.get("_class_name")
    if name not in _SHIFT_NAMES:
        raise ModelError(f"{folder} wants scheduler {name}; known: {', '.join(_SHIFT_NAMES)}")
    return getattr(diffusers, name)
