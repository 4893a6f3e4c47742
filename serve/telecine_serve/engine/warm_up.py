"""The first passes of an engine whose blocks are compiled: seconds that no clip shall wait for."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from telecine_platform.catalogue import ImageUse, ModelCard
from telecine_platform.errors import SettingsError
from telecine_platform.records import VideoSpec
from telecine_serve.engine.pipeline import Engine
from telecine_serve.engine.step_control import StepControl
from telecine_serve.models.images import Images
from telecine_serve.parallel.mesh import RankContext


def warm_up(engine: Engine, ranks: RankContext | None) -> None:
    """Make one step of every kind of clip, so that what is compiled is compiled now.

    Collective where there is more than one rank. Raises SettingsError where torch cannot compile.
    """
    from torch._dynamo.exc import TorchDynamoException

    try:
        for spec, images in kinds_of_clips(engine.model.card):
            engine.denoise(spec, StepControl(ranks), images=images)
    except TorchDynamoException as error:
        raise SettingsError(
            "torch.compile does not work here, it needs a C++ compiler on CPUs and Triton on GPUs; "
            f"set compile_blocks to false: {type(error).__name__}: {str(error)[:500]}"
        ) from error


def kinds_of_clips(card: ModelCard) -> Iterator[tuple[VideoSpec, Images]]:
    """The smallest clips without and with pictures, as far as the model takes them.

    Not shorter than the default: torch.compile takes numbers that happen to be equal for one, as
    few tokens and the width of a head, and compiles anew when they no longer are.
    """
    width_px, height_px = min(card.sizes_px, key=lambda size: size[0] * size[1])
    spec = VideoSpec(
        model=card.name,
        prompt="",
        negative_prompt="",
        width_px=width_px,
        height_px=height_px,
        num_frames=card.num_frames_from_s(card.durations_s[0]),
        fps=card.fps,
        num_steps=1,
        guidance_scale=card.guidance_scale,
        seed=0,
    )
    grey_HWC = np.full((height_px, width_px, 3), 128, dtype=np.uint8)
    if card.first_frame is not ImageUse.REQUIRED:
        yield spec, Images()
    if card.first_frame is not ImageUse.NEVER:
        last_HWC = grey_HWC if card.last_frame is ImageUse.REQUIRED else None
        yield spec, Images(first_HWC=grey_HWC, last_HWC=last_HWC)
