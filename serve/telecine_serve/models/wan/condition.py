"""How pictures enter a Wan transformer in further channels. Dims as in `models/condition.py`.

Source: `WanImageToVideoPipeline`, diffusers 0.42.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from telecine_serve.models.condition import Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class Concatenated(Condition):
    """Wan 2.1 I2V and 2.2 I2V A14B: the mask of given frames and their latents as channels."""

    channels_BCTHW: torch.Tensor

    def model_input(self, latents_BCTHW: torch.Tensor) -> torch.Tensor:
        return torch.cat([latents_BCTHW, self.channels_BCTHW], dim=1)
