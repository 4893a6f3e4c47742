"""A clip from a specification: encode the text, denoise latents step by step, decode frames.

Our own loop rather than diffusers' pipeline, because ranks have to agree at every step boundary.
Invariant: on one rank the latents equal those of diffusers' own pipeline for the same seed, unless
a step cache was asked for, and on several ranks all hold the same latents at every step. Dims: B
batch (1), C channels, T frames, H height, W width; in latents T, H and W are the compressed ones.
S text tokens, D width.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch

from telecine_platform.errors import ModelError
from telecine_platform.records import VideoSpec
from telecine_serve.engine.adapters import NO_ADAPTERS, Adapters
from telecine_serve.engine.checkpoint import Checkpoint, CheckpointWriter, clip_fingerprint
from telecine_serve.engine.compiled import CompiledBlocks
from telecine_serve.engine.decode import decode_frames
from telecine_serve.engine.scheduler_state import restore_scheduler
from telecine_serve.engine.shape import check_size
from telecine_serve.engine.step_cache import StepCache
from telecine_serve.engine.step_control import Phase, StepControl
from telecine_serve.engine.text import TextCache, encode_prompts
from telecine_serve.models.condition import Condition
from telecine_serve.models.family import HalfStep, Model, Text, generator_of
from telecine_serve.models.images import NO_IMAGES, Images, check_images
from telecine_serve.parallel.collectives import check_agreed
from telecine_serve.parallel.guidance import guided_velocity
from telecine_serve.parallel.mesh import RankContext


class Engine:
    """Holds a loaded model; makes one clip at a time."""

    def __init__(
        self,
        model: Model,
        ranks: RankContext | None = None,
        adapters: Adapters | None = None,
        compiled: CompiledBlocks | None = None,
    ) -> None:
        """`ranks` is None for a single process; then the model needs its text encoder and VAE.
        Without `adapters` no request may ask for one; `compiled` are the model's own blocks.
        """
        self._is_leader = ranks is None or ranks.is_leader
        if self._is_leader and model.ends is None:
            raise ModelError("the leading rank needs the model's text encoder and VAE")
        self._model = model
        self._ranks = ranks
        self._texts = TextCache()
        self._adapters = adapters or NO_ADAPTERS
        self._compiled = compiled

    @property
    def model(self) -> Model:
        return self._model

    def generate(
        self,
        spec: VideoSpec,
        control: StepControl,
        *,
        images: Images = NO_IMAGES,
        resume_from: Checkpoint | None = None,
        checkpoints: CheckpointWriter | None = None,
    ) -> np.ndarray | None:
        """`frames_THWC` in uint8 RGB on the leader, None on other ranks.

        Every rank calls it with the same `spec`, `images` and `resume_from`; only the leader's
        `checkpoints` are used. Raises JobCancelled, InvalidRequest for sizes and pictures that the
        model cannot take, GangBroken if a peer died, and what `denoise` raises.
        """
        latents_BCTHW = self.denoise(
            spec, control, images=images, resume_from=resume_from, checkpoints=checkpoints
        )
        frames_THWC = None
        if self._model.decoder is not None:
            control.enter(Phase.DECODING)
            frames_THWC = decode_frames(self._model.decoder, latents_BCTHW, control, self._ranks)
        control.enter(Phase.DONE)
        return frames_THWC

    @torch.no_grad()
    def denoise(
        self,
        spec: VideoSpec,
        control: StepControl,
        *,
        images: Images = NO_IMAGES,
        resume_from: Checkpoint | None = None,
        checkpoints: CheckpointWriter | None = None,
    ) -> torch.Tensor:
        """The clip as `latents_BCTHW` in float32, the same on every rank.

        Raises ModelError if `resume_from` is of another clip, CollectiveError if the ranks do not
        resume from the same step.
        """
        check_size(spec, self._model.geometry)
        check_images(spec, images, self._model.card)
        control.enter(Phase.ENCODING)
        # Guidance is skipped at 1 and below, where it would cancel out: as in diffusers.
        is_guided = spec.guidance_scale > 1
        prompts = [spec.prompt, spec.negative_prompt] if is_guided else [spec.prompt]
        texts = encode_prompts(self._model, prompts, self._ranks, self._texts)
        condition = self._model.family.condition(self._model, spec, images, self._ranks)

        control.enter(Phase.DENOISING)
        fingerprint = clip_fingerprint(spec, self._model.card)
        scheduler = self._model.family.new_scheduler(self._model, spec)
        cache = StepCache(spec.step_cache, self._ranks)
        first_step, latents_BCTHW = self._start(spec, images, scheduler, resume_from, fingerprint)
        with (
            self._adapters.applied(spec.adapter, self._model, self._ranks, control.beat),
            nullcontext() if self._compiled is None else self._compiled.used_for(spec),
            self._beats_per_block(control),
        ):
            for step in range(first_step, spec.num_steps):
                control.at_boundary(step, spec.num_steps)
                timestep = scheduler.timesteps[step]
                velocity_BCTHW = self._predict(
                    latents_BCTHW, timestep, texts, condition, spec, cache
                )
                control.note_reused(cache.num_reused)
                latents_BCTHW = scheduler.step(
                    velocity_BCTHW, timestep, latents_BCTHW, return_dict=False
                )[0]
                if checkpoints is not None and self._is_leader:
                    checkpoints.after_step(
                        step + 1, spec.num_steps, latents_BCTHW, scheduler, fingerprint
                    )
        control.at_boundary(spec.num_steps, spec.num_steps)
        return condition.finished(latents_BCTHW)

    def _start(
        self,
        spec: VideoSpec,
        images: Images,
        scheduler: Any,  # Any: diffusers ships no types
        resume_from: Checkpoint | None,
        fingerprint: str,
    ) -> tuple[int, torch.Tensor]:
        """The first step to do and `latents_BCTHW` before it; the scheduler is made ready."""
        first_step = 0 if resume_from is None else resume_from.step
        if self._ranks is not None:
            check_agreed("first step", first_step, self._ranks.world_group, self._ranks.device)
        scheduler.set_begin_index(0)
        if resume_from is None:
            model = self._model
            latents_BCTHW = model.family.first_latents(
                spec, model.geometry, images, generator_of(spec)
            )
            return 0, latents_BCTHW.to(model.device)
        if resume_from.fingerprint != fingerprint:
            raise ModelError("the checkpoint belongs to another clip: start anew")
        restore_scheduler(scheduler, resume_from.scheduler, self._model.device)
        return first_step, resume_from.latents_BCTHW.to(self._model.device)

    def _predict(
        self,
        latents_BCTHW: torch.Tensor,
        timestep: torch.Tensor,
        texts: list[Text],
        condition: Condition,
        spec: VideoSpec,
        cache: StepCache,
    ) -> torch.Tensor:
        model = self._model
        expert = model.expert_at(timestep)

        def predict(place: int) -> torch.Tensor:
            half = HalfStep(
                spec=spec,
                latents_BCTHW=latents_BCTHW,
                timestep=timestep,
                text=texts[place],
                condition=condition,
            )
            with cache.one_pass(expert.transformer, model.family.blocks, place):
                return model.family.predict(model, expert.transformer, half)

        guidance_scale = expert.guidance_scale(spec.guidance_scale)
        return guided_velocity(predict, len(texts), guidance_scale, self._ranks)

    @contextmanager
    def _beats_per_block(self, control: StepControl) -> Iterator[None]:
        """A step of a large model takes minutes; a watchdog wants to see life more often."""
        hooks = [
            block.register_forward_hook(lambda *_: control.beat()) for block in self._model.blocks
        ]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()
