"""Teaches the text encoder to read: its summaries have to say each part of the scene.

Clips alone teach it late which colour belongs to which thing and which to the background. Captions
cost next to nothing, so it learns that from them, before the transformer sees it: linear heads tell
the parts from the summaries' embeddings. The heads are thrown away; the transformer sees the same
embeddings.

Dims: B batch, S summaries, D embedding width.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from telecine_serve.embedded.architecture import SUMMARIES, TEXT_DIM
from telecine_serve.embedded.captions import draw_caption
from telecine_serve.embedded.scenes import (
    Background,
    Colour,
    Motion,
    Scene,
    Shape,
    Size,
    Speed,
    draw_scene,
)
from telecine_serve.embedded.training.progress import StageProgress
from telecine_serve.embedded.training.text import embed

_THING: dict[str, type[StrEnum]] = {"colour": Colour, "shape": Shape, "size": Size}
_SCENE: dict[str, type[StrEnum]] = {"background": Background, "motion": Motion, "speed": Speed}
_PARTS = dict(zip(SUMMARIES, (_THING, _THING, _SCENE), strict=True))
BATCH = 128
_PAIR_SHARE = 0.4
_LR = 3e-3


class Reader(nn.Module):
    """A linear head for each part of a scene; of a missing second thing the answer is "none"."""

    def __init__(self) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            nn.ModuleDict({part: _head(kind) for part, kind in kinds.items()})
            for kinds in _PARTS.values()
        )

    def loss(self, summaries_BSD: torch.Tensor, scenes: Sequence[Scene]) -> torch.Tensor:
        """Mean cross entropy over the parts, in nats."""
        losses = []
        for place, (kinds, heads) in enumerate(zip(_PARTS.values(), self.heads, strict=True)):
            for part, kind in kinds.items():
                wanted = torch.tensor([_number(scene, place, part, kind) for scene in scenes])
                told = heads[part](summaries_BSD[:, place])  # type: ignore[index]
                losses.append(functional.cross_entropy(told, wanted))
        return torch.stack(losses).mean()


def _head(kind: type[StrEnum]) -> nn.Linear:
    return nn.Linear(TEXT_DIM, len(kind) + 1)


def _number(scene: Scene, place: int, part: str, kind: type[StrEnum]) -> int:
    owner: object = scene
    if kind in _THING.values():
        if place >= len(scene.things):
            return len(kind)
        owner = scene.things[place]
    return list(kind).index(getattr(owner, part))


def train_reader(
    tokenizer: Any, text_encoder: Any, folder: Path, seed: int, num_steps: int
) -> Reader:
    """Changes `text_encoder`."""
    torch.manual_seed(seed + 3)
    reader = Reader()
    weights = [*text_encoder.parameters(), *reader.parameters()]
    optimizer = torch.optim.AdamW(weights, lr=_LR, weight_decay=0.0)
    modules = {"reader": reader, "text_encoder": text_encoder}
    progress = StageProgress(folder, "reader", num_steps, modules, [optimizer])
    for step in range(progress.resume(), num_steps):
        random = np.random.default_rng((seed, 13, step))
        scenes = [draw_scene(random, pair_share=_PAIR_SHARE) for _ in range(BATCH)]
        captions = [draw_caption(scene, random) for scene in scenes]
        optimizer.param_groups[0]["lr"] = _LR * min((step + 1) / 100, 1 - step / num_steps)
        loss = reader.loss(embed(tokenizer, text_encoder, captions).summaries_BSD, scenes)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        progress.report(step, loss=loss.item())
    return reader
