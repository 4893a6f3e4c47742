"""The LTX family: LTX-Video from text and from a first frame.

Dims as in `models/family.py`; S also a transformer's tokens, C their channels.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from telecine_platform.catalogue import ModelCard
from telecine_platform.records import VideoSpec
from telecine_serve.models.condition import Condition
from telecine_serve.models.family import Ends, Family, HalfStep, Model, Text
from telecine_serve.models.geometry import Geometry
from telecine_serve.models.images import Images
from telecine_serve.models.ltx import geometry as ltx_geometry
from telecine_serve.models.ltx.attention import LtxGangProcessor
from telecine_serve.models.ltx.decoder import LtxDecoder
from telecine_serve.models.ltx.images import encode_first_frame, posterior_noise
from telecine_serve.models.ltx.sharding import LTX_SEQUENCE, LTX_SHARDING
from telecine_serve.models.tokens import tokenize
from telecine_serve.parallel.mesh import RankContext
from telecine_serve.parallel.rules import Attend, ShardRule


class LtxFamily(Family):
    """Source of how its parts meet: diffusers 0.42.1, `LTXPipeline` and its image-to-video twin."""

    pipelines = ltx_geometry.PIPELINES
    transformer_class = "LTXVideoTransformer3DModel"
    text_encoder_class = "T5EncoderModel"
    vae_class = "AutoencoderKLLTXVideo"
    decoder_class = LtxDecoder
    scheduler_classes = ("FlowMatchEulerDiscreteScheduler",)
    blocks = "transformer_blocks"
    sequence = LTX_SEQUENCE

    def read_geometry(self, folder: Path) -> Geometry:
        return ltx_geometry.read_geometry(folder)

    def check_folder(self, folder: Path, card: ModelCard) -> None:
        ltx_geometry.check_folder(folder, card)

    def sharding_rules(self, transformer: nn.Module) -> tuple[ShardRule, ...]:
        return LTX_SHARDING

    def new_processor(self, attend: Attend, ranks: RankContext) -> object:
        return LtxGangProcessor(attend, ranks)

    def encode_text(self, ends: Ends, prompt: str, num_tokens: int) -> Text:
        """The encoder sees padding too; the transformer is told by a mask what of it to ignore."""
        ids_BS, mask_BS = tokenize(ends, prompt, num_tokens)
        return Text(hidden_BSD=ends.text_encoder(ids_BS).last_hidden_state, mask_BS=mask_BS)

    def condition(
        self, model: Model, spec: VideoSpec, images: Images, ranks: RankContext | None
    ) -> Condition:
        return encode_first_frame(model, spec, images, ranks)

    def first_latents(
        self, spec: VideoSpec, geometry: Geometry, images: Images, generator: torch.Generator
    ) -> torch.Tensor:
        """As for any family, but a picture's noise is drawn before it."""
        if images.given:
            posterior_noise(spec, geometry, generator)
        return super().first_latents(spec, geometry, images, generator)

    def new_scheduler(self, model: Model, spec: VideoSpec) -> Any:  # Any: diffusers' are untyped
        """Timesteps are shifted by the number of tokens, as the folder's scheduler says."""
        from diffusers.pipelines.ltx.pipeline_ltx import calculate_shift

        scheduler = model.scheduler_class.from_config(model.scheduler_config)
        config = scheduler.config
        _, _, *num_latents_THW = model.geometry.latents_shape(spec, spec.num_frames)
        scheduler.set_timesteps(
            sigmas=np.linspace(1.0, 1 / spec.num_steps, spec.num_steps),
            mu=calculate_shift(
                int(np.prod(num_latents_THW)),
                config.get("base_image_seq_len", 256),
                config.get("max_image_seq_len", 4096),
                config.get("base_shift", 0.5),
                config.get("max_shift", 1.15),
            ),
            device=model.device,
        )
        return scheduler

    def predict(self, model: Model, transformer: nn.Module, half: HalfStep) -> torch.Tensor:
        geometry = model.geometry
        num_frames, height, width = half.latents_BCTHW.shape[2:]
        tokens_BSC = half.condition.model_input(half.latents_BCTHW).flatten(2).transpose(1, 2)
        velocity_BSC: torch.Tensor = transformer(
            hidden_states=tokens_BSC.to(model.dtype),
            timestep=half.condition.model_timestep(half.timestep, half.latents_BCTHW),
            encoder_hidden_states=half.text.hidden_BSD,
            encoder_attention_mask=half.text.mask_BS,
            num_frames=num_frames,
            height=height,
            width=width,
            rope_interpolation_scale=(
                geometry.frames_per_latent / half.spec.fps,
                geometry.pixels_per_latent,
                geometry.pixels_per_latent,
            ),
            return_dict=False,
        )[0]
        return velocity_BSC.float().transpose(1, 2).reshape(half.latents_BCTHW.shape)
