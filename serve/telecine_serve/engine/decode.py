"""From latents to pictures: the VAE's decoder, on the leading rank only unless it works in tiles.

Dims: B batch (1), C channels, T frames, H height, W width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import torch

from telecine_platform.errors import ModelError
from telecine_serve.engine.step_control import StepControl
from telecine_serve.engine.tiled_decode import decode_on_ranks, num_tiles
from telecine_serve.models.decoder import Decoder
from telecine_serve.parallel.mesh import RankContext


@torch.no_grad()
def decode_frames(
    decoder: Decoder,
    latents_BCTHW: torch.Tensor,
    control: StepControl,
    ranks: RankContext | None = None,
) -> np.ndarray | None:
    """`frames_THWC` in uint8 RGB on the leader, None on other ranks (each calls it that has a VAE).

    Each of the decoder's parts that is done is a beat. Raises JobCancelled behind one, or between
    tiles that ranks share; ModelError if the model gave no finite numbers, GangBroken if a peer
    died while tiles were gathered.
    """
    video_BCTHW = _decode(decoder, decoder.prepared(latents_BCTHW), control, ranks)
    if video_BCTHW is None:
        return None
    if not torch.isfinite(video_BCTHW).all():
        raise ModelError("the model's clip has values that are not finite: its weights do not fit")
    video_THWC = video_BCTHW[0].permute(1, 2, 3, 0)
    levels_THWC = (video_THWC * 0.5 + 0.5).clamp(0, 1).mul(255).round()
    frames_THWC: np.ndarray = levels_THWC.to(torch.uint8).cpu().contiguous().numpy()
    return frames_THWC


def _decode(
    decoder: Decoder,
    prepared_BCTHW: torch.Tensor,
    control: StepControl,
    ranks: RankContext | None,
) -> torch.Tensor | None:
    if ranks is not None and ranks.world_size > 1:
        if num_tiles(decoder.vae, prepared_BCTHW) > 1:
            with _after_each_part(decoder, control.beat):
                return decode_on_ranks(decoder, prepared_BCTHW, ranks, control.between_tiles)
        if not ranks.is_leader:
            return None
    with _after_each_part(decoder, control.beat_or_stop):
        return decoder.decode(prepared_BCTHW)


@contextmanager
def _after_each_part(decoder: Decoder, call: Callable[[], None]) -> Iterator[None]:
    with ExitStack() as stack:
        for part in decoder.parts:
            stack.callback(part.register_forward_hook(lambda *_: call()).remove)
        yield
