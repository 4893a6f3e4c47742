"""How long each stage trains: the recipe that made the shipped weights, and a short one."""

from __future__ import annotations

from dataclasses import dataclass, field

from telecine_serve.embedded.training.transformer import Schedule
from telecine_serve.embedded.training.vae import SCHEDULE, Windows


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    vae: tuple[Windows, ...] = SCHEDULE
    num_clips: int = 16_384
    """Encoded for the transformer; a multiple of 512."""
    num_reader_steps: int = 3000
    transformer: Schedule = field(default_factory=Schedule)
    num_prompts: dict[str, int] = field(default_factory=dict)
    """Sizes of the evaluation's groups; what is left out has its default."""
    num_image_prompts: int = 60
    num_reconstructed: int = 100


RECIPES = {
    "shipped": Recipe(),
    "short": Recipe(
        vae=(
            Windows(num_frames=1, batch=16, num_steps=90),
            Windows(num_frames=5, batch=4, num_steps=10),
        ),
        num_clips=512,
        num_reader_steps=60,
        transformer=Schedule(num_steps=80, batch=8),
        num_prompts={"num_seen": 12, "num_held_out": 0, "num_pairs": 0, "num_chinese": 0},
        num_image_prompts=2,
        num_reconstructed=20,
    ),
}
