"""A clip from a specification: encode the text, denoise latents step by step, decode frames.

Our own loop rather than diffusers' pipeline, because ranks have to agree at every step boundary.
Invariant: on one rank the latents equal those of `diffusers.WanPipeline` for the same seed, and on
several ranks all hold the same latents at every step. Dims: B batch (1), C channels, T frames,
H height, W width; in latents T, H and W are the compressed ones. S text tokens, D width.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from telecine_platform.errors import InvalidRequest, ModelError
from telecine_platform.records import VideoSpec
from telecine_serve.engine.checkpoint import Checkpoint, CheckpointWriter, clip_fingerprint
from telecine_serve.engine.decode import decode_frames
from telecine_serve.engine.scheduler_state import restore_scheduler
from telecine_serve.engine.step_control import Phase, StepControl
from telecine_serve.engine.text import encode_prompts
from telecine_serve.models.wan import WanModel
from telecine_serve.models.wan_folder import WanGeometry
from telecine_serve.parallel.collectives import check_agreed
from telecine_serve.parallel.guidance import guided_velocity
from telecine_serve.parallel.mesh import RankContext


class Engine:
    """Holds a loaded model; makes one clip at a time."""

    def __init__(self, model: WanModel, ranks: RankContext | None = None) -> None:
        """`ranks` is None for a single process; then the model needs its text encoder and VAE."""
        self._is_leader = ranks is None or ranks.is_leader
        if self._is_leader and model.ends is None:
            raise ModelError("the leading rank needs the model's text encoder and VAE")
        self._model = model
        self._ranks = ranks

    def generate(
        self,
        spec: VideoSpec,
        control: StepControl,
        *,
        resume_from: Checkpoint | None = None,
        checkpoints: CheckpointWriter | None = None,
    ) -> np.ndarray | None:
        """`frames_THWC` in uint8 RGB on the leader, None on other ranks.

        Every rank calls it with the same `spec` and `resume_from`; only the leader's `checkpoints`
        are used. Raises JobCancelled, InvalidRequest for sizes that the model cannot make,
        GangBroken if a peer died, and what `denoise` raises.
        """
        latents_BCTHW = self.denoise(
            spec, control, resume_from=resume_from, checkpoints=checkpoints
        )
        frames_THWC = None
        if self._model.ends is not None:
            control.enter(Phase.DECODING)
            frames_THWC = decode_frames(self._model.ends.vae, latents_BCTHW, control)
        control.enter(Phase.DONE)
        return frames_THWC

    @torch.no_grad()
    def denoise(
        self,
        spec: VideoSpec,
        control: StepControl,
        *,
        resume_from: Checkpoint | None = None,
        checkpoints: CheckpointWriter | None = None,
    ) -> torch.Tensor:
        """The clip as `latents_BCTHW` in float32, the same on every rank.

        Raises ModelError if `resume_from` is of another clip, CollectiveError if the ranks do not
        resume from the same step.
        """
        check_size(spec, self._model.geometry)
        control.enter(Phase.ENCODING)
        # Guidance is skipped at 1 and below, where it would cancel out: as in diffusers.
        is_guided = spec.guidance_scale > 1
        prompts = [spec.prompt, spec.negative_prompt] if is_guided else [spec.prompt]
        texts = encode_prompts(self._model, prompts, self._ranks)

        control.enter(Phase.DENOISING)
        fingerprint = clip_fingerprint(spec, self._model.card)
        scheduler = self._model.new_scheduler()
        scheduler.set_timesteps(spec.num_steps, device=self._model.device)
        first_step, latents_BCTHW = self._start(spec, scheduler, resume_from, fingerprint)
        with self._beats_per_block(control):
            for step in range(first_step, spec.num_steps):
                control.at_boundary(step, spec.num_steps)
                timestep = scheduler.timesteps[step]
                velocity_BCTHW = self._predict(latents_BCTHW, timestep, texts, spec.guidance_scale)
                latents_BCTHW = scheduler.step(
                    velocity_BCTHW, timestep, latents_BCTHW, return_dict=False
                )[0]
                if checkpoints is not None and self._is_leader:
                    checkpoints.after_step(
                        step + 1, spec.num_steps, latents_BCTHW, scheduler, fingerprint
                    )
        control.at_boundary(spec.num_steps, spec.num_steps)
        return latents_BCTHW

    def _start(
        self,
        spec: VideoSpec,
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
            return 0, first_latents(spec, self._model.geometry).to(self._model.device)
        if resume_from.fingerprint != fingerprint:
            raise ModelError("the checkpoint belongs to another clip: start anew")
        restore_scheduler(scheduler, resume_from.scheduler, self._model.device)
        return first_step, resume_from.latents_BCTHW.to(self._model.device)

    def _predict(
        self,
        latents_BCTHW: torch.Tensor,
        timestep: torch.Tensor,
        texts: list[torch.Tensor],
        guidance_scale: float,
    ) -> torch.Tensor:
        def predict(text_BSD: torch.Tensor) -> torch.Tensor:
            velocity_BCTHW: torch.Tensor = self._model.transformer(
                hidden_states=latents_BCTHW.to(self._model.dtype),
                timestep=timestep.expand(latents_BCTHW.shape[0]),
                encoder_hidden_states=text_BSD,
                return_dict=False,
            )[0]
            return velocity_BCTHW

        return guided_velocity(predict, texts, guidance_scale, self._ranks)

    @contextmanager
    def _beats_per_block(self, control: StepControl) -> Iterator[None]:
        """A step of a large model takes minutes; a watchdog wants to see life more often."""
        blocks = self._model.transformer.get_submodule("blocks").children()
        hooks = [block.register_forward_hook(lambda *_: control.beat()) for block in blocks]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()


def check_size(spec: VideoSpec, geometry: WanGeometry) -> None:
    """Raises InvalidRequest, on all ranks alike, before any of them waits for another."""
    multiple_px = geometry.pixels_per_patch
    for name, size_px in (("width_px", spec.width_px), ("height_px", spec.height_px)):
        if size_px < multiple_px or size_px % multiple_px:
            raise InvalidRequest(
                f"{name} is {size_px}; it must be a multiple of {multiple_px}", param="size"
            )
    if spec.num_frames < 1 or (spec.num_frames - 1) % geometry.frames_per_latent:
        raise InvalidRequest(
            f"num_frames is {spec.num_frames}; it must be {geometry.frames_per_latent}k+1",
            param="seconds",
        )
    if spec.num_steps < 1:
        raise InvalidRequest(f"num_steps is {spec.num_steps}; it must be 1 or more")


def first_latents(spec: VideoSpec, geometry: WanGeometry) -> torch.Tensor:
    """Noise `latents_BCTHW` from the seed, on the CPU: the same on every kind of device.

    Source: `WanPipeline.prepare_latents`, diffusers 0.42.1, with a CPU generator.
    """
    shape = (
        1,
        geometry.latent_channels,
        (spec.num_frames - 1) // geometry.frames_per_latent + 1,
        spec.height_px // geometry.pixels_per_latent,
        spec.width_px // geometry.pixels_per_latent,
    )
    generator = torch.Generator(device="cpu").manual_seed(spec.seed)
    return torch.randn(shape, generator=generator, dtype=torch.float32)
