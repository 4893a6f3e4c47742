"""How pictures enter a Wan transformer: as a clean first frame, or in further channels.

Source: `WanPipeline` and `WanImageToVideoPipeline`, diffusers 0.42.1. Dims as in
`models/condition.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from telecine_serve.models.condition import Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanFirstFrame(Condition):
    """Wan 2.2 TI2V: the picture takes the first latent frame's place at every step."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Concatenated(Condition):
    """Wan 2.1 I2V and 2.2 I2V A14B: the mask of given frames and their latents as channels."""

    channels_BCTHW: torch.Tensor

    def model_input(self, latents_BCTHW: torch.Tensor) -> torch.Tensor:
        return torch.cat([latents_BCTHW, self.channels_BCTHW], dim=1)
