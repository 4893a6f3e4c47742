"""What a model family has to say so that the engine can load, divide and run any of its members.

A family is one folder here (`wan/`, `ltx/`); `families.py` lists them, and docs/families.md tells
how to add one. Dims: B batch (1), C channels, T frames, H height, W width; in latents T, H and W
are the compressed ones. S text tokens, D width.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn

from telecine_platform.catalogue import ModelCard
from telecine_platform.records import VideoSpec
from telecine_serve.models.condition import Condition, TextOnly
from telecine_serve.models.decoder import Decoder
from telecine_serve.models.expert_seat import ExpertSeat
from telecine_serve.models.folder import TRANSFORMER
from telecine_serve.models.geometry import Geometry
from telecine_serve.models.images import Images
from telecine_serve.parallel.mesh import RankContext
from telecine_serve.parallel.rules import Attend, SequenceRules, ShardRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One encoded prompt; not to be changed in place."""

    hidden_BSD: torch.Tensor
    mask_BS: torch.Tensor
    """1 for the prompt's tokens, 0 for padding; int64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """What stands before denoising, beside the VAE."""

    tokenizer: Any  # Any: transformers' tokenizers are untyped here
    text_encoder: nn.Module
    image_encoder: nn.Module | None = None
    """CLIP's; None for a transformer that does not attend to pictures."""
    image_processor: Any = None  # Any: CLIPImageProcessor, or None as above


@dataclass(frozen=True, slots=True, kw_only=True)
class Expert:
    """One transformer and the noise levels that it was trained for."""

    transformer: nn.Module
    from_timestep: float = 0.0
    """The lowest; 0 of the last expert."""
    guidance_share: float = 1.0

    def guidance_scale(self, asked: float) -> float:
        """This expert's part of the request's guidance, never less than none (1)."""
        return max(1.0, asked * self.guidance_share)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A loaded model, in evaluation mode and on its device."""

    family: Family
    card: ModelCard
    geometry: Geometry
    device: torch.device
    dtype: torch.dtype
    """Of transformer and text encoder; the VAE stays in float32, as in diffusers' Wan examples."""
    experts: tuple[Expert, ...]
    """One, or two: for high and for low noise."""
    seat: ExpertSeat | None
    """Where two experts take turns; None: the device holds every expert."""
    ends: Ends | None
    """None on ranks other than the leader: they encode neither text nor pictures."""
    decoder: Decoder | None
    """None where nothing is decoded: on all ranks but the leader, unless they decode in tiles."""
    scheduler_class: Any  # Any: diffusers ships no types
    scheduler_config: dict[str, Any]  # Any: diffusers' own keys, passed back to it unread

    @property
    def blocks(self) -> list[nn.Module]:
        """Of all its transformers."""
        return [
            block
            for expert in self.experts
            for block in expert.transformer.get_submodule(self.family.blocks).children()
        ]

    def expert_at(self, timestep: torch.Tensor) -> Expert:
        """Who predicts at this noise level: the first expert that reaches down to it.

        Its weights are on the device until another one is asked for.
        """
        expert = next(expert for expert in self.experts if timestep >= expert.from_timestep)
        if self.seat is not None:
            self.seat.take(expert.transformer)
        return expert


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfStep:
    """What one forward pass is asked: a denoising step, or a half of a guided one."""

    spec: VideoSpec
    latents_BCTHW: torch.Tensor
    timestep: torch.Tensor
    text: Text
    condition: Condition


def generator_of(spec: VideoSpec) -> torch.Generator:
    """From the clip's seed, on the CPU: its noise is the same on every kind of device."""
    return torch.Generator(device="cpu").manual_seed(spec.seed)


class Family(ABC):
    """Stateless. Class names are those of diffusers and transformers, imported when used."""

    pipelines: ClassVar[tuple[str, ...]]
    """What `model_index.json` calls the members that we run rightly."""
    transformer_class: ClassVar[str]
    text_encoder_class: ClassVar[str]
    vae_class: ClassVar[str]
    decoder_class: ClassVar[type[Decoder]]
    """Ours, around such a VAE."""
    scheduler_classes: ClassVar[tuple[str, ...]]
    blocks: ClassVar[str]
    """The transformer's list of blocks."""
    sequence: ClassVar[SequenceRules]

    # The folder

    @abstractmethod
    def read_geometry(self, folder: Path) -> Geometry:
        """ModelError where the configs do not fit together."""

    @abstractmethod
    def check_folder(self, folder: Path, card: ModelCard) -> None:
        """Raises ModelError unless the folder has every component and can do what the card says."""

    def expert_names(self, folder: Path) -> tuple[str, ...]:
        """The components that are transformers."""
        return (TRANSFORMER,)

    def experts(self, folder: Path, card: ModelCard, loaded: list[nn.Module]) -> tuple[Expert, ...]:
        """Who predicts when, of the transformers in `expert_names`' order."""
        (transformer,) = loaded
        return (Expert(transformer=transformer),)

    def has_image_encoder(self, folder: Path) -> bool:
        """Whether there is a CLIP vision model, with its processor."""
        return False

    # The division over ranks

    @abstractmethod
    def sharding_rules(self, transformer: nn.Module) -> tuple[ShardRule, ...]:
        """The lines that fit this member."""

    @abstractmethod
    def new_processor(self, attend: Attend, ranks: RankContext) -> object:
        """Self-attention as diffusers has it, around another way to attend."""

    # A clip

    def clean_prompt(self, prompt: str) -> str:
        """The text as the tokenizer sees it."""
        return prompt

    @abstractmethod
    def encode_text(self, ends: Ends, prompt: str, num_tokens: int) -> Text:
        """Of a clean prompt, padded or cut to `num_tokens`, on the text encoder's device."""

    def condition(
        self, model: Model, spec: VideoSpec, images: Images, ranks: RankContext | None
    ) -> Condition:
        """After `check_images`. Collective where there is more than one rank."""
        return TextOnly()

    def first_latents(
        self, spec: VideoSpec, geometry: Geometry, images: Images, generator: torch.Generator
    ) -> torch.Tensor:
        """Noise `latents_BCTHW`, of which `generator` (`generator_of`) has drawn nothing yet.

        Source: `prepare_latents` of diffusers' pipelines, 0.42.1, with a CPU generator.
        """
        return torch.randn(geometry.latents_shape(spec, spec.num_frames), generator=generator)

    @abstractmethod
    def new_scheduler(self, model: Model, spec: VideoSpec) -> Any:  # Any: diffusers' are untyped
        """Without history, with the timesteps of this clip set, on the model's device."""

    @abstractmethod
    def predict(self, model: Model, transformer: nn.Module, half: HalfStep) -> torch.Tensor:
        """`velocity_BCTHW` by one forward pass of this transformer of the model."""
