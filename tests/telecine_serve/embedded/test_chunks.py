"""Training's two-call VAE against diffusers' own frame-by-frame calls."""

from __future__ import annotations

import torch

from telecine_serve.embedded.architecture import LATENT_CHANNELS, build_vae
from telecine_serve.embedded.training.chunks import decode_clips, encode_moments


def test_two_calls_give_what_diffusers_gives_frame_by_frame() -> None:
    torch.manual_seed(0)
    vae = build_vae().eval()
    clips_BCTHW = torch.rand(1, 3, 9, 32, 32) * 2 - 1

    with torch.inference_mode():
        mean_BCTHW = encode_moments(vae, clips_BCTHW)[:, :LATENT_CHANNELS]
        decoded = decode_clips(vae, mean_BCTHW).clamp(-1, 1)
        expected_mean = vae.encode(clips_BCTHW).latent_dist.mode()
        expected = vae.decode(expected_mean).sample

    assert mean_BCTHW.shape == (1, LATENT_CHANNELS, 3, 4, 4)
    assert (mean_BCTHW - expected_mean).abs().max() < 1e-5
    assert (decoded - expected).abs().max() < 1e-4
