"""Teaches the text encoder to read: the embedding of `</s>` has to say the whole scene.

Clips alone teach it late which colour belongs to which thing and which to the background. Captions
cost next to nothing, so it learns that from them: linear heads tell each part of the scene from
that one embedding. The heads are thrown away; the transformer sees the same embedding.

Dims: B batch, D embedding width.
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

from telecine_serve.embedded.architecture import TEXT_DIM
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

_PARTS: dict[str, type[StrEnum]] = {
    "background": Background,
    "motion": Motion,
    "speed": Speed,
    "first colour": Colour,
    "first shape": Shape,
    "first size": Size,
    "second colour": Colour,
    "second shape": Shape,
    "second size": Size,
}
BATCH = 128
_PAIR_SHARE = 0.4
_KEPT_WEIGHT = 0.3


class Reader(nn.Module):
    """A linear head for each part of a scene; of a missing second thing the answer is "none"."""

    def __init__(self) -> None:
        super().__init__()
        self.heads = nn.ModuleDict(
            {name: nn.Linear(TEXT_DIM, len(kind) + 1) for name, kind in _PARTS.items()}
        )

    def loss(self, ends_BD: torch.Tensor, scenes: Sequence[Scene]) -> torch.Tensor:
        """Mean cross entropy over the parts."""
        wanted = [_parts_of(scene) for scene in scenes]
        losses = [
            functional.cross_entropy(head(ends_BD), torch.tensor([parts[name] for parts in wanted]))
            for name, head in self.heads.items()
        ]
        return torch.stack(losses).mean()


def _parts_of(scene: Scene) -> dict[str, int]:
    told: dict[str, StrEnum] = {
        "background": scene.background,
        "motion": scene.motion,
        "speed": scene.speed,
    }
    for place, thing in zip(("first", "second"), scene.things, strict=False):
        told |= {
            f"{place} colour": thing.colour,
            f"{place} shape": thing.shape,
            f"{place} size": thing.size,
        }
    return {
        name: list(kind).index(told[name]) if name in told else len(kind)
        for name, kind in _PARTS.items()
    }


def train_reader(
    tokenizer: Any, text_encoder: Any, folder: Path, seed: int, num_steps: int
) -> Reader:
    """Changes `text_encoder`; what it says of the other words stays close to what it was."""
    torch.manual_seed(seed + 3)
    reader = Reader()
    weights = [*text_encoder.parameters(), *reader.parameters()]
    optimizer = torch.optim.AdamW(weights, lr=2e-3, weight_decay=0.0)
    modules = {"reader": reader, "text_encoder": text_encoder}
    progress = StageProgress(folder, "reader", num_steps, modules, [optimizer])
    first = {name: weight.detach().clone() for name, weight in text_encoder.named_parameters()}
    for step in range(progress.resume(), num_steps):
        random = np.random.default_rng((seed, 13, step))
        scenes = [draw_scene(random, pair_share=_PAIR_SHARE) for _ in range(BATCH)]
        captions = [draw_caption(scene, random) for scene in scenes]
        optimizer.param_groups[0]["lr"] = 2e-3 * min((step + 1) / 50, 1 - step / num_steps)
        texts = embed(tokenizer, text_encoder, captions)
        with torch.no_grad():
            before = _embed_with(tokenizer, text_encoder, first, captions)
        moved = (texts.embeddings_BND - before).square() * texts.is_word_BN[..., None]
        reading = reader.loss(texts.ends_BD, scenes)
        torch.autograd.backward(reading + _KEPT_WEIGHT * moved.mean())
        optimizer.step()
        optimizer.zero_grad()
        progress.report(step, loss=reading.item(), moved=moved.mean().item())
    return reader


def _embed_with(
    tokenizer: Any, text_encoder: Any, weights: dict[str, torch.Tensor], captions: Sequence[str]
) -> torch.Tensor:
    def call(ids: torch.Tensor, mask: torch.Tensor) -> Any:
        return torch.func.functional_call(text_encoder, weights, (ids, mask))

    return embed(tokenizer, call, captions).embeddings_BND
