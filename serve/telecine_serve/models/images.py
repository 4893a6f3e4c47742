"""The pictures that a clip starts or ends with, and whether a model takes them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from telecine_platform.catalogue import ImageUse, ModelCard
from telecine_platform.errors import InvalidRequest
from telecine_platform.records import VideoSpec

Picture = npt.NDArray[np.uint8]
"""`_HWC`, RGB, of the clip's size."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Images:
    """The pictures that a clip starts with, and ends with."""

    first_HWC: Picture | None = None
    last_HWC: Picture | None = None

    @property
    def given(self) -> list[Picture]:
        return [picture for picture in (self.first_HWC, self.last_HWC) if picture is not None]


NO_IMAGES = Images()


def scaled_picture(picture_HWC: Picture, device: torch.device) -> torch.Tensor:
    """`picture_C1HW` from -1 to 1 in float32, rounded as `VideoProcessor.preprocess` rounds.

    Source: diffusers 0.42.1.
    """
    scaled_HWC = torch.from_numpy(picture_HWC.astype(np.float32) / 255.0)
    return (2.0 * scaled_HWC.permute(2, 0, 1) - 1.0).unsqueeze(1).to(device)


def check_images(spec: VideoSpec, images: Images, card: ModelCard) -> None:
    """Raises InvalidRequest, on all ranks alike, before any of them waits for another."""
    for param, picture_HWC, use in (
        ("first_frame", images.first_HWC, card.first_frame),
        ("last_frame", images.last_HWC, card.last_frame),
    ):
        if picture_HWC is None:
            if use is ImageUse.REQUIRED:
                raise InvalidRequest(f"{card.name} needs a picture: {param}", param=param)
            continue
        if use is ImageUse.NEVER:
            raise InvalidRequest(f"{card.name} takes no {param}", param=param)
        if picture_HWC.shape != (spec.height_px, spec.width_px, 3):
            raise InvalidRequest(
                f"{param} is of shape {picture_HWC.shape}; the clip is "
                f"{spec.width_px}x{spec.height_px}",
                param=param,
            )
