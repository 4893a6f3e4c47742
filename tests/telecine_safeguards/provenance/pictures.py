"""Small clips for the mark's tests: a moving 1/f texture with a few hard edges."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from telecine_safeguards.provenance.luma import Picture, luma_from_rgb

Frames = npt.NDArray[np.uint8]
KEY = b"the tests' key, which is no secret"
MARK_ID = 0xABCDEF0123


def textured_clip(
    seed: int = 1, *, num_frames: int = 4, height_px: int = 240, width_px: int = 320
) -> Frames:
    random = np.random.default_rng(seed)
    shape = (height_px + 2 * num_frames, width_px + 2 * num_frames)
    spectrum = np.fft.rfft2(random.normal(size=shape))
    frequency = np.hypot(np.fft.fftfreq(shape[0])[:, np.newaxis], np.fft.rfftfreq(shape[1]))
    frequency[0, 0] = 1
    texture = np.fft.irfft2(spectrum / frequency**1.3, s=shape)
    grey = 128 + 35 * texture / texture.std()
    grey[shape[0] // 3 :, shape[1] // 2 :] += 40
    world = np.clip(grey[..., np.newaxis] * [1.0, 0.9, 0.8], 0, 255).astype(np.uint8)
    return np.stack([world[2 * t : 2 * t + height_px, t : t + width_px] for t in range(num_frames)])


def lumas(frames_THWC: Frames) -> list[Picture]:
    return [luma_from_rgb(each) for each in frames_THWC]
