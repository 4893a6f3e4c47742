"""Trains the VAE: on single frames, then on windows of clips, then on whole clips.

Single frames cost a seventeenth of a clip and teach all that is spatial; five frames are the
shortest window with a latent frame that stands for four.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from telecine_serve.embedded.architecture import LATENT_CHANNELS, build_vae
from telecine_serve.embedded.training.chunks import decode_clips, encode_moments
from telecine_serve.embedded.training.clips import Clips, clips_for_windows, draw_windows
from telecine_serve.embedded.training.muon import optimizers
from telecine_serve.embedded.training.progress import StageProgress

_KL_WEIGHT = 2e-5
_FIRST_LOG_VARIANCE = -4.0
"""At the usual 0 the noise drowns the first thousand steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """A part of the schedule: so many steps on windows of so many frames."""

    num_frames: int
    batch: int
    num_steps: int

    @property
    def num_clips(self) -> int:
        """Rendered for it."""
        return self.num_steps * clips_for_windows(self.batch, self.num_frames)


SCHEDULE = (
    Windows(num_frames=1, batch=32, num_steps=1500),
    Windows(num_frames=5, batch=12, num_steps=500),
    Windows(num_frames=9, batch=8, num_steps=500),
    Windows(num_frames=17, batch=6, num_steps=200),
)


def train_vae(folder: Path, seed: int, schedule: Sequence[Windows] = SCHEDULE) -> Any:
    """Encoder and decoder together; what stands in `folder` is gone on with."""
    torch.manual_seed(seed)
    vae = build_vae()
    with torch.no_grad():
        vae.quant_conv.bias[LATENT_CHANNELS:] = _FIRST_LOG_VARIANCE
    _lay_out(vae)
    pair = optimizers([vae], muon_lr=0.01, adam_lr=2e-3, muon_names=("weight",))
    steps = [windows for windows in schedule for _ in range(windows.num_steps)]
    progress = StageProgress(folder, "vae", len(steps), {"vae": vae}, pair)
    base_lrs = [optimizer.param_groups[0]["lr"] for optimizer in pair]
    for step in range(progress.resume(), len(steps)):
        random = np.random.default_rng((seed, step))
        generator = torch.Generator().manual_seed(int(random.integers(2**62)))
        clips = draw_windows(random, steps[step].batch, steps[step].num_frames)
        for optimizer, lr in zip(pair, base_lrs, strict=True):
            optimizer.param_groups[0]["lr"] = lr * _learning_rate_share(step, len(steps))
        loss, error = _loss(vae, clips, generator)
        torch.autograd.backward(loss)
        for optimizer in pair:
            optimizer.step()
            optimizer.zero_grad()
        progress.report(step, loss=loss.item(), psnr_db=-10 * np.log10(error))
    return vae


def _learning_rate_share(step: int, num_steps: int) -> float:
    """Up over the first 40 steps, level, down to a fiftieth over the last 45 %."""
    left = (num_steps - step) / (0.45 * num_steps)
    return min((step + 1) / 40, 1.0, max(left, 0.02))


def _loss(vae: Any, clips: Clips, generator: torch.Generator) -> tuple[torch.Tensor, float]:
    """The loss and the mean squared error of RGB in [0, 1].

    Half the weight lies on things and their outlines, which are a tenth of the picture.
    """
    pixels = clips.pixels_BCTHW.contiguous(memory_format=torch.channels_last_3d)
    with torch.autocast("cpu", torch.bfloat16):
        mean, log_variance = encode_moments(vae, pixels).float().chunk(2, dim=1)
        log_variance = log_variance.clamp(-12, 4)
        noise = torch.randn(mean.shape, generator=generator)
        decoded = decode_clips(vae, mean + noise * (0.5 * log_variance).exp()).float()
    difference = decoded - clips.pixels_BCTHW
    weight = 1 + 4 * _near(clips.cover_B1THW)
    loss = (weight * (difference.abs() + difference.square())).mean()
    kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()
    loss = loss + _outline_error(decoded, clips.pixels_BCTHW) + _KL_WEIGHT * LATENT_CHANNELS * kl
    return loss, difference.detach().clamp(-2, 2).square().mean().item() / 4


def _near(cover_B1THW: torch.Tensor) -> torch.Tensor:
    """Things and three pixels around them."""
    return torch.nn.functional.max_pool3d(cover_B1THW, (1, 7, 7), stride=1, padding=(0, 3, 3))


def _outline_error(decoded: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """How far the steps from pixel to pixel are off, down and across."""
    down = (decoded.diff(dim=3) - wanted.diff(dim=3)).abs().mean()
    across = (decoded.diff(dim=4) - wanted.diff(dim=4)).abs().mean()
    return 2 * (down + across)


def _lay_out(vae: Any) -> None:
    """Channels last: a third faster on CPUs, the same numbers."""
    for weight in vae.parameters():
        if weight.ndim == 5:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last_3d)
