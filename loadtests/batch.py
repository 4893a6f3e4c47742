"""Does it pay to denoise several clips of one shape in one pass? Clips per CPU second, by batch.

`python -m loadtests.batch --json`. One transformer of Wan's kind on one rank; for each number of
tokens, forward passes of 1, 2 and 4 clips take turns, so that a busy machine slows all alike. The
ratio is clips per CPU second against passes of one clip.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import click

from loadtests.engine import Options, new_transformer

BATCHES = (1, 2, 4)
SIDES = (8, 16, 32)
"""Height and width of the latents; a token is 2x2 of them."""
_NUM_LATENT_FRAMES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One number of tokens and clips to a pass."""

    num_tokens: int
    """Of one clip."""
    batch: int
    cpu_s_per_clip: float
    ratio: float
    """Of the throughput to that of batch 1."""


def measure(side: int, options: Options, batches: tuple[int, ...] = BATCHES) -> list[Measured]:
    """By batch; the first one has to be 1."""
    import torch

    torch.set_num_threads(1)
    transformer = new_transformer(options)
    passes = {batch: _forward(transformer, side, batch) for batch in batches}
    spent_s = dict.fromkeys(batches, 0.0)
    for run in passes.values():  # to warm up
        run()
    for _ in range(options.num_steps):
        for batch, run in passes.items():
            began_s = time.process_time()
            run()
            spent_s[batch] += time.process_time() - began_s
    per_clip_s = {batch: spent_s[batch] / options.num_steps / batch for batch in batches}
    return [
        Measured(
            num_tokens=_NUM_LATENT_FRAMES * (side // 2) ** 2,
            batch=batch,
            cpu_s_per_clip=per_clip_s[batch],
            ratio=per_clip_s[1] / per_clip_s[batch],
        )
        for batch in batches
    ]


def _forward(transformer: object, side: int, batch: int) -> Callable[[], object]:
    import torch

    generator = torch.Generator().manual_seed(1)
    shape = (batch, 16, _NUM_LATENT_FRAMES, side, side)
    inputs = {
        "hidden_states": torch.randn(shape, generator=generator),
        "timestep": torch.full((batch,), 500.0),
        "encoder_hidden_states": torch.randn((batch, 64, 64), generator=generator),
    }
    assert callable(transformer)

    @torch.no_grad()
    def run() -> object:
        return transformer(**inputs)

    return run


@click.command()
@click.option("--steps", "num_steps", default=3)
@click.option("--json", "as_json", is_flag=True)
def main(num_steps: int, as_json: bool) -> None:
    """Measure each number of tokens in turn."""
    results = [row for side in SIDES for row in measure(side, Options(num_steps=num_steps))]
    if as_json:
        click.echo(json.dumps([asdict(row) for row in results], indent=2))
        return
    for row in results:
        click.echo(
            f"{row.num_tokens:6} tokens  batch {row.batch}  {row.cpu_s_per_clip:.4f} CPU s a clip  "
            f"ratio {row.ratio:.2f}"
        )


if __name__ == "__main__":
    main()
