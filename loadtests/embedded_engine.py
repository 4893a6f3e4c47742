"""The embedded model on one rank, and requests for it: what load tests of content share."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from telecine_platform.catalogue import card_from_name
from telecine_platform.records import VideoSpec

if TYPE_CHECKING:
    from telecine_serve.engine.pipeline import Engine

_CARD = card_from_name("embedded")


def open_engine(*, compile_blocks: bool = False) -> Engine:
    """On one thread."""
    import torch

    from telecine_serve.engine.start import start_engine
    from telecine_serve.models.embedded import write_embedded_model

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="telecine-model-") as folder:
        write_embedded_model(Path(folder) / "embedded")
        return start_engine(
            Path(folder) / "embedded", _CARD, torch.device("cpu"), compile_blocks=compile_blocks
        )


def request(
    prompt: str, seed: int, *, negative_prompt: str = "", step_cache: float = 0.0
) -> VideoSpec:
    """With the card's defaults: 64x64, 17 frames."""
    width_px, height_px = _CARD.sizes_px[0]
    return VideoSpec(
        model=_CARD.name,
        prompt=prompt,
        negative_prompt=negative_prompt,
        width_px=width_px,
        height_px=height_px,
        num_frames=_CARD.num_frames_from_s(_CARD.durations_s[0]),
        fps=_CARD.fps,
        num_steps=_CARD.num_steps,
        guidance_scale=_CARD.guidance_scale,
        seed=seed,
        step_cache=step_cache,
    )
