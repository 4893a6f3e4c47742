"""Trains the transformer and its text encoder together, by flow matching, on encoded clips.

Three batches of four are text to video. In the fourth the first latent frame is given, clean and
with timestep 0 for its tokens, as Wan 2.2 TI2V has it: so one checkpoint also goes on from a
picture. Velocity target and sigma as in diffusers' FlowMatchEulerDiscreteScheduler.

Dims: B batch, C latent channels, T latent frames, H height, W width, S tokens.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from telecine_serve.embedded.architecture import (
    build_text_encoder,
    build_tokenizer,
    build_transformer,
)
from telecine_serve.embedded.captions import draw_caption
from telecine_serve.embedded.training.latents import Latents
from telecine_serve.embedded.training.muon import optimizers
from telecine_serve.embedded.training.progress import StageProgress
from telecine_serve.embedded.training.reading import Reader
from telecine_serve.embedded.training.text import embed, use_short_padding

_MATRICES = ("to_q", "to_k", "to_v", "to_out", "ffn")
_READING_WEIGHT = 0.1
_CAPTION_DROPOUT = 0.1
_IMAGE_EVERY = 4
_AVERAGE = 0.999
_SIGMA_MEAN, _SIGMA_SPREAD = 0.4, 1.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    num_steps: int = 6000
    batch: int = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What is learned together."""

    tokenizer: Any
    text_encoder: Any
    transformer: Any


def new_model(seed: int) -> Model:
    """Untrained."""
    torch.manual_seed(seed + 2)
    model = Model(
        tokenizer=build_tokenizer(),
        text_encoder=build_text_encoder(),
        transformer=build_transformer(),
    )
    torch.nn.init.zeros_(model.transformer.proj_out.weight)
    return model


def train_transformer(
    model: Model,
    latents: Latents,
    folder: Path,
    seed: int,
    schedule: Schedule,
    reader: Reader,
) -> Model:
    """Changes `model`; returns the averaged weights.

    The text encoder goes on learning to read beside what the clips teach it.
    """
    average = copy.deepcopy(model)
    modules = {
        "text_encoder": model.text_encoder,
        "transformer": model.transformer,
        "average.text_encoder": average.text_encoder,
        "average.transformer": average.transformer,
        "reader": reader,
    }
    learned = (model.transformer, model.text_encoder, reader)
    pair = optimizers(learned, muon_lr=0.01, adam_lr=1.5e-3, muon_names=_MATRICES)
    base_lrs = [optimizer.param_groups[0]["lr"] for optimizer in pair]
    progress = StageProgress(folder, "transformer", schedule.num_steps, modules, pair)
    padding = use_short_padding(model.transformer)
    for step in range(progress.resume(), schedule.num_steps):
        random = np.random.default_rng((seed, 11, step))
        for optimizer, lr in zip(pair, base_lrs, strict=True):
            share = _learning_rate_share(step, schedule.num_steps)
            optimizer.param_groups[0]["lr"] = lr * share
        chosen = random.integers(len(latents.scenes), size=schedule.batch)
        captions = [_caption(latents, index, random) for index in chosen]
        texts = embed(model.tokenizer, model.text_encoder, captions)
        padding.bias_BN = texts.bias_BN
        has_image = step % _IMAGE_EVERY == 0
        clean = latents.values_NCTHW[torch.from_numpy(chosen)].float()
        loss = _loss(model.transformer, clean, texts.embeddings_BND, random, has_image)
        told = [number for number, caption in enumerate(captions) if caption]
        scenes = [latents.scenes[chosen[number]] for number in told]
        reading = reader.loss(texts.summaries_BSD[told], scenes)
        torch.autograd.backward(loss + _READING_WEIGHT * reading)
        torch.nn.utils.clip_grad_norm_([w for m in learned for w in m.parameters()], 1.0)
        for optimizer in pair:
            optimizer.step()
            optimizer.zero_grad()
        _average(average, model, step)
        progress.report(step, **{"image_loss" if has_image else "loss": loss.item()})
    return average


def _caption(latents: Latents, index: int, random: np.random.Generator) -> str:
    if random.random() < _CAPTION_DROPOUT:
        return ""
    return draw_caption(latents.scenes[index], random)


def _learning_rate_share(step: int, num_steps: int) -> float:
    """Up over the first 100 steps, level, down to nothing over the second half."""
    return min((step + 1) / 100, 1.0, (num_steps - step) / (0.5 * num_steps))


def _loss(
    transformer: Any,
    clean_BCTHW: torch.Tensor,
    embeddings_BND: torch.Tensor,
    random: np.random.Generator,
    has_image: bool,
) -> torch.Tensor:
    """Mean squared error of the velocity, noise - clean, over the frames that are not given."""
    generator = torch.Generator().manual_seed(int(random.integers(2**62)))
    noise = torch.randn(clean_BCTHW.shape, generator=generator)
    sigma_B = torch.sigmoid(
        _SIGMA_MEAN + _SIGMA_SPREAD * torch.randn(len(noise), generator=generator)
    )
    sigma = sigma_B.view(-1, 1, 1, 1, 1)
    noisy = (1 - sigma) * clean_BCTHW + sigma * noise
    timestep = 1000 * sigma_B
    first = 0
    if has_image:
        noisy[:, :, :1] = clean_BCTHW[:, :, :1]
        first = 1
        timestep = _timesteps_with_image(timestep, clean_BCTHW, transformer.config.patch_size)
    velocity = transformer(noisy, timestep, embeddings_BND, return_dict=False)[0]
    difference = velocity - (noise - clean_BCTHW)
    loss: torch.Tensor = difference[:, :, first:].square().mean()
    return loss


def _timesteps_with_image(
    timestep_B: torch.Tensor, latents_BCTHW: torch.Tensor, patch: tuple[int, int, int]
) -> torch.Tensor:
    """`timestep_BS`: 0 for the tokens of the first latent frame."""
    num_tokens = (latents_BCTHW.shape[3] // patch[1]) * (latents_BCTHW.shape[4] // patch[2])
    timestep_BS = timestep_B[:, None].repeat(1, num_tokens * latents_BCTHW.shape[2])
    timestep_BS[:, :num_tokens] = 0
    return timestep_BS


@torch.no_grad()
def _average(average: Model, model: Model, step: int) -> None:
    share = 1 - min(_AVERAGE, (step + 1) / (step + 10))
    for name in ("transformer", "text_encoder"):
        kept, new = getattr(average, name).parameters(), getattr(model, name).parameters()
        for old_weight, new_weight in zip(kept, new, strict=True):
            old_weight.lerp_(new_weight, share)
