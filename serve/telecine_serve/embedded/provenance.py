"""What the embedded model says of its own training data: drawn by our code, nothing else.

The reference example of a training-data manifest (`models/training_data.py`).
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

from telecine_serve.embedded import captions, render, scenes
from telecine_serve.embedded.training.latents import SHARD
from telecine_serve.embedded.training.reading import BATCH
from telecine_serve.embedded.training.recipe import Recipe
from telecine_serve.models.checksums import digest_of
from telecine_serve.models.training_data import Draw, Source, TrainingManifest, weight_digests

_CAN = (
    "one thing (5 shapes, 8 colours, 3 sizes) that moves in one of 8 ways at 3 speeds, or two "
    "things that stand side by side, before one of 6 plain backgrounds",
    "captions in English or Chinese, in the wordings of captions.py; other words are passed over",
    "text to video, and video from a first frame; 64x64 pixels, 17 frames at 8 a second",
)
_CANNOT = (
    "show anything else: people, animals, places, writing, anybody's work or likeness",
    "other sizes and lengths as well: it was trained on 64x64 and 17 frames only",
    "show more than two things, or two that move; what it gets wrong is in evaluation.json",
)


def manifest_of(folder: Path, seed: int, recipe: Recipe, made_on: date) -> TrainingManifest:
    """Of the model in `folder`, made by `recipe` from `seed`."""
    num_steps = sum(part.num_steps for part in recipe.vae)
    draws = (
        Draw(
            stage="vae",
            seeds=f"({seed}, 0) to ({seed}, {num_steps - 1})",
            num_clips=sum(part.num_clips for part in recipe.vae),
        ),
        Draw(
            stage="transformer",
            seeds=f"({seed}, 7, 0) to ({seed}, 7, {recipe.num_clips // SHARD - 1})",
            num_clips=recipe.num_clips,
        ),
        Draw(
            stage="reader (captions alone)",
            seeds=f"({seed}, 13, 0) to ({seed}, 13, {recipe.num_reader_steps - 1})",
            num_clips=recipe.num_reader_steps * BATCH,
        ),
    )
    code = (Path(str(module.__file__)) for module in (scenes, captions, render))
    return TrainingManifest(
        model="embedded",
        made_on=made_on.isoformat(),
        made_with=f"python -m telecine_serve.embedded.training FOLDER --seed {seed}",
        sources=(
            Source(
                name="clips and captions drawn by telecine_serve.embedded",
                kind="rendered",
                licence="Apache-2.0",
                rights_holder="the authors of Telecine",
                generator_version=scenes.GENERATOR_VERSION,
                generator_sha256={path.name: digest_of(path) for path in code},
                draws=draws,
            ),
        ),
        weights_sha256=weight_digests(folder),
        can=_CAN,
        cannot=_CANNOT,
    )
