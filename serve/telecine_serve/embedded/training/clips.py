"""Batches of rendered clips for training: the same seed and step always give the same batch.

Dims: B batch, C colour channels (3), T frames, H height, W width.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from telecine_serve.embedded.render import coverage, render
from telecine_serve.embedded.scenes import NUM_FRAMES, Path, Scene, draw_paths, draw_scene

_FRAMES_PER_CLIP = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Clips:
    scenes: tuple[Scene, ...]
    pixels_BCTHW: torch.Tensor
    """RGB in [-1, 1]."""
    cover_B1THW: torch.Tensor
    """How much of a pixel belongs to a thing, 0 to 1."""


def draw_scenes(
    random: np.random.Generator, num_clips: int, *, pair_share: float = 0.2
) -> list[tuple[Scene, tuple[Path, ...]]]:
    """What `draw_clips` draws, before it is rendered."""
    scenes = []
    for _ in range(num_clips):
        scene = draw_scene(random, pair_share=pair_share)
        scenes.append((scene, draw_paths(scene, random)))
    return scenes


def draw_clips(random: np.random.Generator, num_clips: int, *, pair_share: float = 0.2) -> Clips:
    """Whole clips of scenes that training may see."""
    drawn = draw_scenes(random, num_clips, pair_share=pair_share)
    pixels, covers = [], []
    for scene, paths in drawn:
        pixels.append(render(scene, paths))
        things = zip(scene.things, paths, strict=True)
        covers.append(sum(coverage(thing.shape, path) for thing, path in things))
    return Clips(
        scenes=tuple(scene for scene, _ in drawn),
        pixels_BCTHW=pixels_from_frames(np.stack(pixels)),
        cover_B1THW=torch.from_numpy(np.stack(covers)).float().clamp(0, 1)[:, None],
    )


def draw_windows(random: np.random.Generator, num_windows: int, num_frames: int) -> Clips:
    """`num_windows` times `num_frames` neighbouring frames; four single frames share a clip."""
    per_clip = _FRAMES_PER_CLIP if num_frames == 1 else 1
    whole = draw_clips(random, clips_for_windows(num_windows, num_frames), pair_share=0.35)
    pixels, covers, scenes = [], [], []
    for index, scene in enumerate(whole.scenes):
        for _ in range(per_clip):
            start = int(random.integers(NUM_FRAMES - num_frames + 1))
            window = slice(start, start + num_frames)
            pixels.append(whole.pixels_BCTHW[index, :, window])
            covers.append(whole.cover_B1THW[index, :, window])
            scenes.append(scene)
    return Clips(
        scenes=tuple(scenes), pixels_BCTHW=torch.stack(pixels), cover_B1THW=torch.stack(covers)
    )


def clips_for_windows(num_windows: int, num_frames: int) -> int:
    """How many clips `draw_windows` renders."""
    return max(1, num_windows // _FRAMES_PER_CLIP) if num_frames == 1 else num_windows


def pixels_from_frames(frames_BTHWC: np.ndarray) -> torch.Tensor:
    """uint8 RGB to `pixels_BCTHW` in [-1, 1]."""
    return torch.from_numpy(frames_BTHWC).permute(0, 4, 1, 2, 3).float() / 127.5 - 1


def frames_from_pixels(pixels_BCTHW: torch.Tensor) -> np.ndarray:
    """The way back, rounded: `frames_BTHWC` in uint8."""
    scaled = ((pixels_BCTHW.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    frames: np.ndarray = scaled.permute(0, 2, 3, 4, 1).contiguous().numpy()
    return frames
