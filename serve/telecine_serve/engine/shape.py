"""Which clips a model can make, and the latents that they begin as. Dims as in `pipeline`."""

from __future__ import annotations

import torch

from telecine_platform.errors import InvalidRequest
from telecine_platform.records import VideoSpec
from telecine_serve.models.geometry import Geometry


def check_size(spec: VideoSpec, geometry: Geometry) -> None:
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


def first_latents(spec: VideoSpec, geometry: Geometry) -> torch.Tensor:
    """Noise `latents_BCTHW` from the seed, on the CPU: the same on every kind of device.

    Source: `prepare_latents` of `WanPipeline` and of `LTXPipeline`, diffusers 0.42.1, with a CPU
    generator.
    """
    shape = geometry.latents_shape(spec, spec.num_frames)
    generator = torch.Generator(device="cpu").manual_seed(spec.seed)
    return torch.randn(shape, generator=generator, dtype=torch.float32)
