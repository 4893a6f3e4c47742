"""Wan's VAE decodes one latent frame after the other. Dims as in `models/family.py`."""

from __future__ import annotations

import torch
from torch import nn

from telecine_serve.models.decoder import Decoder


class WanDecoder(Decoder):
    """Around `AutoencoderKLWan`, diffusers 0.42.1."""

    @property
    def pixels_per_latent(self) -> int:
        """The decoder leaves patches together; diffusers takes them apart once tiles are joined."""
        return int(self.vae.spatial_compression_ratio // (self.vae.config.patch_size or 1))

    @property
    def parts(self) -> list[nn.Module]:
        """Called for each latent frame."""
        return [self.vae.decoder]

    def prepared(self, latents_BCTHW: torch.Tensor) -> torch.Tensor:
        """Source for scaling: `WanPipeline.__call__`, diffusers 0.42.1."""
        mean_C111 = torch.tensor(self.vae.config.latents_mean).view(-1, 1, 1, 1)
        std_C111 = torch.tensor(self.vae.config.latents_std).view(-1, 1, 1, 1)
        # Divided by the reciprocal, not multiplied, to round as diffusers does.
        scaled_BCTHW = latents_BCTHW.to(self.vae.dtype) / (1.0 / std_C111).to(latents_BCTHW.device)
        return scaled_BCTHW + mean_C111.to(latents_BCTHW.device)

    def decode_tile(self, prepared_BCTHW: torch.Tensor) -> torch.Tensor:
        """Frame after frame, as its causal convolutions remember the last ones."""
        vae = self.vae
        vae.clear_cache()
        frames = []
        for place in range(prepared_BCTHW.shape[2]):
            vae._conv_idx = [0]
            frames.append(
                vae.decoder(
                    vae.post_quant_conv(prepared_BCTHW[:, :, place : place + 1]),
                    feat_cache=vae._feat_map,
                    feat_idx=vae._conv_idx,
                    first_chunk=place == 0,
                )
            )
        vae.clear_cache()
        return torch.cat(frames, dim=2)
