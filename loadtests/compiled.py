"""What torch.compile saves and costs: the embedded model and a wider transformer, on one thread.

`python -m loadtests.compiled --json`. Reported for each: CPU seconds with plain and with compiled
blocks (the two take turns), the wall seconds until the compiled ones had run once, and the greatest
difference between the two. Inductor keeps what it compiled on disk: for the seconds of a first
start, set TORCHINDUCTOR_CACHE_DIR to an empty folder.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click

from loadtests.embedded_engine import open_engine, request
from loadtests.engine import Options, forward_of, new_transformer

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One model, plain and compiled."""

    what: str
    plain_cpu_s: float
    compiled_cpu_s: float
    ratio: float
    first_wall_s: float
    max_difference: float


def measure_engine(num_clips: int) -> Measured:
    """Denoising the embedded model's default clip."""
    from telecine_serve.engine.step_control import StepControl

    spec = request("a red circle moves right on a blue background", seed=7)
    plain = open_engine()
    began_s = time.perf_counter()
    compiled = open_engine(compile_blocks=True)
    first_wall_s = time.perf_counter() - began_s
    return _compare(
        "embedded, 80 tokens, a clip",
        lambda: plain.denoise(spec, StepControl()),
        lambda: compiled.denoise(spec, StepControl()),
        first_wall_s,
        num_clips,
    )


def measure_transformer(options: Options, backend: str = "inductor") -> Measured:
    """A forward pass."""
    import torch

    from telecine_serve.engine.compiled import CompiledBlocks

    torch.set_num_threads(1)
    plain, compiled = new_transformer(options), new_transformer(options)
    began_s = time.perf_counter()
    blocks, forward = CompiledBlocks(list(compiled.blocks), backend), forward_of(compiled, options)

    def run_compiled() -> torch.Tensor:
        with blocks.used():
            result: torch.Tensor = forward()
        return result

    run_compiled()
    first_wall_s = time.perf_counter() - began_s
    num_tokens = options.num_frames * (options.side // 2) ** 2
    what = f"width {options.num_heads * options.head_dim}, {num_tokens} tokens, a pass"
    run_plain = forward_of(plain, options)
    return _compare(what, run_plain, run_compiled, first_wall_s, options.num_steps)


def _compare(
    what: str,
    run_plain: Callable[[], torch.Tensor],
    run_compiled: Callable[[], torch.Tensor],
    first_wall_s: float,
    num_times: int,
) -> Measured:
    difference = (run_plain() - run_compiled()).abs().max().item()
    spent_s = [0.0, 0.0]
    for _ in range(num_times):
        for place, run in enumerate((run_plain, run_compiled)):
            began_s = time.process_time()
            run()
            spent_s[place] += time.process_time() - began_s
    plain_s, compiled_s = (seconds / num_times for seconds in spent_s)
    return Measured(
        what=what,
        plain_cpu_s=plain_s,
        compiled_cpu_s=compiled_s,
        ratio=plain_s / compiled_s,
        first_wall_s=first_wall_s,
        max_difference=difference,
    )


@click.command()
@click.option("--times", "num_times", default=10)
@click.option("--json", "as_json", is_flag=True)
def main(num_times: int, as_json: bool) -> None:
    """Measure the embedded model and a transformer of width 512."""
    results = [
        measure_engine(num_times),
        measure_transformer(Options(num_frames=3, num_layers=2, num_steps=num_times)),
    ]
    if as_json:
        click.echo(json.dumps([asdict(row) for row in results], indent=2))
        return
    for row in results:
        click.echo(
            f"{row.what:32} plain {row.plain_cpu_s:.4f} CPU s  compiled {row.compiled_cpu_s:.4f}  "
            f"ratio {row.ratio:.2f}  first {row.first_wall_s:.1f} s  "
            f"difference {row.max_difference:.1e}"
        )


if __name__ == "__main__":
    main()
