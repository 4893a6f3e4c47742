"""`python -m telecine_serve.embedded.training FOLDER`: make the embedded model from a seed.

Stages, each with progress, a log and checkpoints in FOLDER; an interrupted run goes on where it
was: `vae`, `latents` (the transformer's clips, encoded), `reader` (the text encoder alone),
`transformer` (both together); then the model is put together and evaluated.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import torch

from telecine_serve.embedded.evaluation import (
    draw_prompts,
    evaluate,
    evaluate_from_image,
    report,
)
from telecine_serve.embedded.training.assemble import write_folder
from telecine_serve.embedded.training.latents import encode_clips, load_latents
from telecine_serve.embedded.training.pictures import contact_sheet, curves
from telecine_serve.embedded.training.plain_pipeline import clip_maker, image_clip_maker
from telecine_serve.embedded.training.reading import train_reader
from telecine_serve.embedded.training.recipe import RECIPES, Recipe
from telecine_serve.embedded.training.reconstruction import (
    Reconstruction,
    measure_reconstruction,
)
from telecine_serve.embedded.training.transformer import new_model, train_transformer
from telecine_serve.embedded.training.vae import train_vae


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--seed", default=0, show_default=True)
@click.option("--recipe", type=click.Choice(sorted(RECIPES)), default="shipped", show_default=True)
@click.option("--workers", default=2, show_default=True, help="Processes, one core each.")
def main(folder: Path, seed: int, recipe: str, workers: int) -> None:
    """Train the embedded model in FOLDER; the result is FOLDER/model."""
    torch.set_num_threads(1)  # small convolutions lose more than they gain from a second one
    train(folder, seed, RECIPES[recipe], workers)


def train(folder: Path, seed: int, recipe: Recipe, num_workers: int) -> dict[str, Any]:
    """All stages; returns the evaluation's figures, which also go to FOLDER/evaluation.json."""
    folder.mkdir(parents=True, exist_ok=True)
    vae = train_vae(folder, seed, recipe.vae)
    shards = encode_clips(vae, folder, seed, recipe.num_clips, num_workers)
    latents, spread = load_latents(shards, recipe.num_clips, seed)
    model = new_model(seed)
    reader = train_reader(
        model.tokenizer, model.text_encoder, folder, seed, recipe.num_reader_steps
    )
    model = train_transformer(model, latents, folder, seed, recipe.transformer, reader)
    reconstruction = measure_reconstruction(vae, seed, recipe.num_reconstructed)
    write_folder(vae, spread, model, folder / "model")
    return _evaluate(folder, seed, recipe, reconstruction)


def _evaluate(
    folder: Path, seed: int, recipe: Recipe, reconstruction: Reconstruction
) -> dict[str, Any]:
    asked = draw_prompts(seed, **recipe.num_prompts)
    make_clips = clip_maker(folder / "model", seed)
    from_image = evaluate_from_image(
        seed, image_clip_maker(folder / "model", seed), recipe.num_image_prompts
    )
    groups = {"reconstructed": reconstruction.shares} | evaluate(asked, make_clips)
    result = {
        "reconstruction_psnr_db": round(reconstruction.psnr_db, 2),
        "first_frame_psnr_db": round(from_image.psnr_db, 2),
        "groups": report(groups | {"from a picture": from_image.shares}),
    }
    (folder / "evaluation.json").write_text(json.dumps(result, indent=1) + "\n")
    chosen = [one.prompt for one in asked if one.group != "Chinese"][:: max(1, len(asked) // 14)]
    contact_sheet(folder / "contact-sheet.png", chosen, make_clips(chosen))
    stages = {
        "vae": ("loss", "psnr_db"),
        "reader": ("loss",),
        "transformer": ("loss", "image_loss"),
    }
    curves(folder / "curves.png", {name: folder / f"{name}.jsonl" for name in stages}, stages)
    print(json.dumps(result), flush=True)
    return result


if __name__ == "__main__":
    main()
