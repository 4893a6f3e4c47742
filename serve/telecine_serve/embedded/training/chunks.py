"""The causal VAE on whole clips in two calls instead of one for every latent frame.

diffusers encodes and decodes one latent frame at a time and keeps what each convolution needs of
the frames before. The first frame, then all others at once, gives the same numbers (a test holds
them together) with far fewer, larger calls: only training uses this.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl_wan import patchify, unpatchify


def encode_moments(vae: Any, clips_BCTHW: torch.Tensor) -> torch.Tensor:
    """Mean and log-variance of the latents, stacked on the channel axis, for RGB in [-1, 1]."""
    vae.clear_cache()
    x = patchify(clips_BCTHW, patch_size=vae.config.patch_size)
    parts = []
    for part in _chunks(x):
        vae._enc_conv_idx = [0]
        parts.append(vae.encoder(part, feat_cache=vae._enc_feat_map, feat_idx=vae._enc_conv_idx))
    vae.clear_cache()
    moments: torch.Tensor = vae.quant_conv(torch.cat(parts, dim=2))
    return moments


def decode_clips(vae: Any, latents_BCTHW: torch.Tensor) -> torch.Tensor:
    """RGB around [-1, 1], not clamped, so that gradients pass."""
    vae.clear_cache()
    parts = []
    for number, part in enumerate(_chunks(vae.post_quant_conv(latents_BCTHW))):
        vae._conv_idx = [0]
        parts.append(
            vae.decoder(
                part,
                feat_cache=vae._feat_map,
                feat_idx=vae._conv_idx,
                first_chunk=number == 0,
            )
        )
    vae.clear_cache()
    clips: torch.Tensor = unpatchify(torch.cat(parts, dim=2), patch_size=vae.config.patch_size)
    return clips


def _chunks(x_BCTHW: torch.Tensor) -> list[torch.Tensor]:
    """The first frame and the rest."""
    first, rest = x_BCTHW[:, :, :1], x_BCTHW[:, :, 1:]
    return [first, rest] if rest.shape[2] else [first]
