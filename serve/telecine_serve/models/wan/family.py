"""The Wan family: Wan 2.1 and 2.2, from text and from pictures, with one or two experts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from telecine_platform.catalogue import ModelCard
from telecine_platform.records import VideoSpec
from telecine_serve.models.condition import Condition
from telecine_serve.models.family import Ends, Expert, Family, HalfStep, Model, Text
from telecine_serve.models.folder import SCHEDULER, read_json
from telecine_serve.models.images import Images
from telecine_serve.models.wan import folder as wan_folder
from telecine_serve.models.wan.attention import WanGangProcessor
from telecine_serve.models.wan.decoder import WanDecoder
from telecine_serve.models.wan.geometry import (
    PIPELINES,
    WanGeometry,
    expert_names,
    read_geometry,
)
from telecine_serve.models.wan.images import encode_images
from telecine_serve.models.wan.sharding import WAN_SEQUENCE, sharding_rules
from telecine_serve.models.wan.text import clean_prompt, encode_text
from telecine_serve.parallel.mesh import RankContext
from telecine_serve.parallel.rules import Attend, ShardRule

_SHIFT_NAMES = {"FlowMatchEulerDiscreteScheduler": "shift", "UniPCMultistepScheduler": "flow_shift"}
"""What each flow-matching scheduler of diffusers calls the timestep shift."""


class WanFamily(Family):
    """Source of how its parts meet: `WanPipeline`, diffusers 0.42.1."""

    pipelines = PIPELINES
    transformer_class = "WanTransformer3DModel"
    text_encoder_class = "UMT5EncoderModel"
    vae_class = "AutoencoderKLWan"
    decoder_class = WanDecoder
    scheduler_classes = tuple(_SHIFT_NAMES)
    blocks = "blocks"
    sequence = WAN_SEQUENCE

    def read_geometry(self, folder: Path) -> WanGeometry:
        return read_geometry(folder)

    def check_folder(self, folder: Path, card: ModelCard) -> None:
        wan_folder.check_components_of(folder)
        wan_folder.check_card(folder, card)

    def expert_names(self, folder: Path) -> tuple[str, ...]:
        return expert_names(folder)

    def experts(self, folder: Path, card: ModelCard, loaded: list[nn.Module]) -> tuple[Expert, ...]:
        """Source of the boundary: `WanPipeline.__call__`, diffusers 0.42.1."""
        boundary_ratio = read_geometry(folder).boundary_ratio
        if boundary_ratio is None:
            return super().experts(folder, card, loaded)
        scheduler = read_json(folder / SCHEDULER / "scheduler_config.json")
        boundary = boundary_ratio * scheduler.get("num_train_timesteps", 1000)
        high, low = loaded
        return (
            Expert(transformer=high, from_timestep=boundary),
            Expert(transformer=low, guidance_share=card.low_noise_guidance),
        )

    def has_image_encoder(self, folder: Path) -> bool:
        return read_geometry(folder).image_embedding is not None

    def sharding_rules(self, transformer: nn.Module) -> tuple[ShardRule, ...]:
        return sharding_rules(transformer)

    def new_processor(self, attend: Attend, ranks: RankContext) -> object:
        return WanGangProcessor(attend)

    def clean_prompt(self, prompt: str) -> str:
        return clean_prompt(prompt)

    def encode_text(self, ends: Ends, prompt: str, num_tokens: int) -> Text:
        return encode_text(ends, prompt, num_tokens)

    def condition(
        self, model: Model, spec: VideoSpec, images: Images, ranks: RankContext | None
    ) -> Condition:
        assert isinstance(model.geometry, WanGeometry)  # it was read above
        return encode_images(model, model.geometry, spec, images, ranks)

    def new_scheduler(self, model: Model, spec: VideoSpec) -> Any:  # Any: diffusers' are untyped
        """With the card's timestep shift."""
        shift_name = _SHIFT_NAMES[model.scheduler_class.__name__]
        scheduler = model.scheduler_class.from_config(
            model.scheduler_config, **{shift_name: model.card.flow_shift}
        )
        scheduler.set_timesteps(spec.num_steps, device=model.device)
        return scheduler

    def predict(self, model: Model, transformer: nn.Module, half: HalfStep) -> torch.Tensor:
        velocity_BCTHW: torch.Tensor = transformer(
            hidden_states=half.condition.model_input(half.latents_BCTHW).to(model.dtype),
            timestep=half.condition.model_timestep(half.timestep, half.latents_BCTHW),
            encoder_hidden_states=half.text.hidden_BSD,
            encoder_hidden_states_image=half.condition.image_BSD,
            return_dict=False,
        )[0]
        return velocity_BCTHW
