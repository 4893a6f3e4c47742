"""What the transformer is told beside noise and text: nothing, or a clean first frame.

Invariant: a condition is the same on all ranks. Dims: B batch (1), C channels, T frames, H height,
W width; in latents T, H and W are the compressed ones. S tokens, D width.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition(ABC):
    """How one clip's latents go into and come out of denoising."""

    image_BSD: torch.Tensor | None = None
    """What cross-attention sees of the pictures, beside the text."""

    @abstractmethod
    def model_input(self, latents_BCTHW: torch.Tensor) -> torch.Tensor:
        """The transformer's input for these latents."""

    def model_timestep(self, timestep: torch.Tensor, latents_BCTHW: torch.Tensor) -> torch.Tensor:
        """One timestep for the clip, `_B`, or one for each token, `_BS`."""
        return timestep.expand(latents_BCTHW.shape[0])

    def finished(self, latents_BCTHW: torch.Tensor) -> torch.Tensor:
        """What is decoded once denoising is done."""
        return latents_BCTHW


@dataclass(frozen=True, slots=True, kw_only=True)
class TextOnly(Condition):
    """Also of a model with per-token timesteps: there all are equal, so one says the same."""

    def model_input(self, latents_BCTHW: torch.Tensor) -> torch.Tensor:
        return latents_BCTHW


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanFirstFrame(Condition):
    """The picture takes the first latent frame's place at every step: Wan 2.2 TI2V, LTX.

    Source: `WanImageToVideoPipeline` and `LTXImageToVideoPipeline`, diffusers 0.42.1.
    """

    frame_BC1HW: torch.Tensor
    latents_per_patch: int

    def model_input(self, latents_BCTHW: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.frame_BC1HW, latents_BCTHW[:, :, 1:]], dim=2)

    def model_timestep(self, timestep: torch.Tensor, latents_BCTHW: torch.Tensor) -> torch.Tensor:
        """`timestep_BS`: 0 for the tokens of the first latent frame, which holds no noise."""
        num_clips, _, num_frames, height, width = latents_BCTHW.shape
        num_per_frame = (height // self.latents_per_patch) * (width // self.latents_per_patch)
        of_token_S = timestep.repeat(num_frames * num_per_frame)
        of_token_S[:num_per_frame] = 0
        return of_token_S.unsqueeze(0).expand(num_clips, -1)

    def finished(self, latents_BCTHW: torch.Tensor) -> torch.Tensor:
        return self.model_input(latents_BCTHW)
