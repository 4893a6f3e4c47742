"""The sizes that latents and text follow from, of any family; every rank needs them, also without
the VAE.
"""

from __future__ import annotations

from dataclasses import dataclass

from telecine_platform.records import VideoSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """A latent frame stands for `frames_per_latent` frames, but the first one for one."""

    latent_channels: int
    text_width: int
    frames_per_latent: int
    pixels_per_latent: int
    latents_per_patch: int
    """Height and width of a patch; a token is one patch of one latent frame."""

    @property
    def pixels_per_patch(self) -> int:
        """Height and width in pixels must be multiples of this."""
        return self.pixels_per_latent * self.latents_per_patch

    def latents_shape(self, spec: VideoSpec, num_frames: int) -> tuple[int, int, int, int, int]:
        """BCTHW of the latents of the first `num_frames` frames."""
        return (
            1,
            self.latent_channels,
            (num_frames - 1) // self.frames_per_latent + 1,
            spec.height_px // self.pixels_per_latent,
            spec.width_px // self.pixels_per_latent,
        )
