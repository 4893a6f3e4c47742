"""LTX's VAE decodes all latent frames at once. Dims as in `models/family.py`."""

from __future__ import annotations

import torch
from torch import nn

from telecine_serve.models.decoder import Decoder


class LtxDecoder(Decoder):
    """Around `AutoencoderKLLTXVideo`, diffusers 0.42.1, without noise as it decodes."""

    @property
    def pixels_per_latent(self) -> int:
        return int(self.vae.spatial_compression_ratio)

    @property
    def parts(self) -> list[nn.Module]:
        """From coarse to fine."""
        return [self.vae.decoder.mid_block, *self.vae.decoder.up_blocks]

    def prepared(self, latents_BCTHW: torch.Tensor) -> torch.Tensor:
        """Source for scaling: `LTXPipeline._denormalize_latents`, diffusers 0.42.1."""
        mean_C111, std_C111 = (
            of_channel.view(-1, 1, 1, 1).to(latents_BCTHW)
            for of_channel in (self.vae.latents_mean, self.vae.latents_std)
        )
        scaled_BCTHW = latents_BCTHW * std_C111 / self.vae.config.scaling_factor + mean_C111
        prepared_BCTHW: torch.Tensor = scaled_BCTHW.to(self.vae.dtype)
        return prepared_BCTHW

    def decode_tile(self, prepared_BCTHW: torch.Tensor) -> torch.Tensor:
        tile_BCTHW: torch.Tensor = self.vae.decoder(prepared_BCTHW)
        return tile_BCTHW
