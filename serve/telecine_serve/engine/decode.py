"""From latents to pictures: the VAE's decoder, on the leading rank only unless it works in tiles.

Dims: B batch (1), C channels, T frames, H height, W width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from telecine_platform.errors import ModelError
from telecine_serve.engine.step_control import StepControl
from telecine_serve.engine.tiled_decode import decode_on_ranks, num_tiles
from telecine_serve.parallel.mesh import RankContext


@torch.no_grad()
def decode_frames(
    vae: Any,  # Any: AutoencoderKLWan, which diffusers does not type
    latents_BCTHW: torch.Tensor,
    control: StepControl,
    ranks: RankContext | None = None,
) -> np.ndarray | None:
    """`frames_THWC` in uint8 RGB on the leader, None on other ranks (each calls it that has a VAE).

    The decoder makes one latent frame after another: each is a beat. Raises JobCancelled between
    two of them, or between tiles that ranks share; ModelError if the model gave no finite numbers,
    GangBroken if a peer died while tiles were gathered. Source for scaling: `WanPipeline.__call__`,
    diffusers 0.42.1.
    """
    mean_C111 = torch.tensor(vae.config.latents_mean).view(-1, 1, 1, 1)
    std_C111 = torch.tensor(vae.config.latents_std).view(-1, 1, 1, 1)
    # Divided by the reciprocal, not multiplied, to round as diffusers does.
    scaled_BCTHW = latents_BCTHW.to(vae.dtype) / (1.0 / std_C111).to(latents_BCTHW.device)
    scaled_BCTHW = scaled_BCTHW + mean_C111.to(latents_BCTHW.device)
    video_BCTHW = _decode(vae, scaled_BCTHW, control, ranks)
    if video_BCTHW is None:
        return None
    if not torch.isfinite(video_BCTHW).all():
        raise ModelError("the model's clip has values that are not finite: its weights do not fit")
    video_THWC = video_BCTHW[0].permute(1, 2, 3, 0)
    levels_THWC = (video_THWC * 0.5 + 0.5).clamp(0, 1).mul(255).round()
    frames_THWC: np.ndarray = levels_THWC.to(torch.uint8).cpu().contiguous().numpy()
    return frames_THWC


def _decode(
    vae: Any,  # Any: as above
    scaled_BCTHW: torch.Tensor,
    control: StepControl,
    ranks: RankContext | None,
) -> torch.Tensor | None:
    if ranks is not None and ranks.world_size > 1:
        if num_tiles(vae, scaled_BCTHW) > 1:
            with _after_each_latent_frame(vae, control.beat):
                return decode_on_ranks(vae, scaled_BCTHW, ranks, control.between_tiles)
        if not ranks.is_leader:
            return None
    with _after_each_latent_frame(vae, control.beat_or_stop):
        video_BCTHW: torch.Tensor = vae.decode(scaled_BCTHW, return_dict=False)[0]
    return video_BCTHW


@contextmanager
def _after_each_latent_frame(vae: Any, call: Callable[[], None]) -> Iterator[None]:
    hook = vae.decoder.register_forward_hook(lambda *_: call())  # Any above: as before
    try:
        yield
    finally:
        hook.remove()
