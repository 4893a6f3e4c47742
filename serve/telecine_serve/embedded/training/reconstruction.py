"""What the VAE keeps of rendered clips: PSNR, and what the detector still reads in them.

No prompt can be shown better than this.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from telecine_serve.embedded.detector import read_scene
from telecine_serve.embedded.evaluation import ATTRIBUTES, Share, judge
from telecine_serve.embedded.training.chunks import decode_clips, encode_moments
from telecine_serve.embedded.training.clips import draw_clips, frames_from_pixels

_BATCH = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconstruction:
    psnr_db: float
    """Over all pixels of all clips, of 8-bit RGB."""
    shares: dict[str, Share]


@torch.inference_mode()
def measure_reconstruction(vae: Any, seed: int, num_clips: int = 100) -> Reconstruction:
    """Clips that no training batch drew, a fifth of them with two things."""
    random = np.random.default_rng((seed, 29))
    right: dict[str, list[bool]] = {name: [] for name in (*ATTRIBUTES, "all")}
    squared: list[float] = []
    for _ in range(num_clips // _BATCH):
        clips = draw_clips(random, _BATCH)
        mean = encode_moments(vae, clips.pixels_BCTHW).chunk(2, dim=1)[0]
        frames = frames_from_pixels(decode_clips(vae, mean))
        wanted = frames_from_pixels(clips.pixels_BCTHW)
        squared.append(float(np.square(frames.astype(float) - wanted).mean()))
        for scene, frames_THWC in zip(clips.scenes, frames, strict=True):
            seen = read_scene(frames_THWC, len(scene.things))
            for name, is_right in judge(scene, seen).items():
                right[name].append(is_right)
    return Reconstruction(
        psnr_db=float(10 * np.log10(255**2 / np.mean(squared))),
        shares={name: Share(num_right=sum(r), num=len(r)) for name, r in right.items()},
    )
