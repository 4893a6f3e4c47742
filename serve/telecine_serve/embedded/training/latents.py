"""The clips of the transformer's training, encoded once: rendering and encoding cost more than a
step. Captions are told anew each time a clip is used.

Dims: N clips, C latent channels, T latent frames, H height, W width.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from telecine_serve.embedded.scenes import Scene
from telecine_serve.embedded.training.chunks import encode_moments
from telecine_serve.embedded.training.clips import draw_clips, draw_scenes

SHARD = 512
_BATCH = 16
_PAIR_SHARE = 0.35


@dataclass(frozen=True, slots=True, kw_only=True)
class Latents:
    scenes: tuple[Scene, ...]
    values_NCTHW: torch.Tensor
    """Scaled to mean 0 and spread 1 in each channel, in bfloat16."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Of the latents over many clips, by channel; it goes into the VAE's config."""

    mean_C: tuple[float, ...]
    std_C: tuple[float, ...]


def encode_clips(vae: Any, folder: Path, seed: int, num_clips: int, num_workers: int) -> Path:
    """Encode `num_clips` clips in shards of 512; shards that are there are kept."""
    shards = folder / "latents"
    shards.mkdir(parents=True, exist_ok=True)
    vae.save_pretrained(folder / "encoder")
    numbers = [
        number for number in range(num_clips // SHARD) if not _shard(shards, number).exists()
    ]
    context = get_context("spawn")
    with ProcessPoolExecutor(num_workers, context, initializer=_start, initargs=(folder,)) as pool:
        jobs = [(shards, seed, number) for number in numbers]
        for count, number in enumerate(pool.map(_encode_shard, jobs)):
            print(f"latents {count + 1}/{len(numbers)}  shard {number}", flush=True)
    return shards


def load_latents(shards: Path, num_clips: int, seed: int) -> tuple[Latents, Spread]:
    """All clips, scaled; the scenes are drawn again from the seed."""
    parts, scenes = [], []
    for number in range(num_clips // SHARD):
        parts.append(load_file(_shard(shards, number))["latents"])
        scenes.extend(_scenes_of(seed, number))
    values = torch.cat(parts).float()
    mean_C = values.mean(dim=(0, 2, 3, 4))
    std_C = values.std(dim=(0, 2, 3, 4))
    scaled = (values - mean_C.view(1, -1, 1, 1, 1)) / std_C.view(1, -1, 1, 1, 1)
    latents = Latents(scenes=tuple(scenes), values_NCTHW=scaled.to(torch.bfloat16))
    return latents, Spread(mean_C=tuple(mean_C.tolist()), std_C=tuple(std_C.tolist()))


def _shard(shards: Path, number: int) -> Path:
    return shards / f"{number:05d}.safetensors"


def _scenes_of(seed: int, number: int) -> list[Scene]:
    random = np.random.default_rng((seed, 7, number))
    return [scene for scene, _ in draw_scenes(random, SHARD, pair_share=_PAIR_SHARE)]


_vae: Any = None  # Any: diffusers ships no types; one for each worker process


def _start(folder: Path) -> None:
    global _vae
    from diffusers import AutoencoderKLWan

    torch.set_num_threads(1)
    _vae = AutoencoderKLWan.from_pretrained(folder / "encoder").eval()


def _encode_shard(job: tuple[Path, int, int]) -> int:
    shards, seed, number = job
    random = np.random.default_rng((seed, 7, number))
    parts = []
    for _ in range(SHARD // _BATCH):
        clips = draw_clips(random, _BATCH, pair_share=_PAIR_SHARE)
        with torch.inference_mode():
            moments = encode_moments(_vae, clips.pixels_BCTHW)
        parts.append(moments.chunk(2, dim=1)[0])
    unfinished = shards / f"{number:05d}.part"
    save_file({"latents": torch.cat(parts)}, unfinished)
    unfinished.rename(_shard(shards, number))
    return number
