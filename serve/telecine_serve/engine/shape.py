"""Which clips a model can make."""

from __future__ import annotations

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
