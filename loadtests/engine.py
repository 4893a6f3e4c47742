"""Seconds per step of one transformer on one rank and on two, by our parallelisms and by diffusers'
own context parallelism: same weights, same input, one run, gloo between processes of this machine.

`python -m loadtests.engine --json`. Every way makes `--steps` forward passes after one to warm up.
What is reported: wall and CPU seconds per step, the seconds within collectives (waiting for a
slower peer included), and the greatest difference from one rank. diffusers goes through torch's
functional collectives, which are not timed: its collective seconds read 0.
Ranks have one thread each, so two ranks on two quiet cores can be up to twice as fast.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any
from unittest import mock

import click

WAYS = ("one rank", "tp2", "sp2", "streamed sp2", "diffusers ulysses2")
"""Streamed: weights wait on the host, divided over the ranks (placement Z)."""
_TIMED = ("all_reduce", "all_gather", "all_gather_into_tensor", "all_to_all_single", "broadcast")
"""Collectives of torch.distributed that any of the ways uses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The transformer and its input."""

    num_layers: int = 4
    num_heads: int = 8
    head_dim: int = 64
    num_frames: int = 9
    side: int = 32
    """Height and width of the latents; a token is 2x2 of them."""
    num_steps: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One way, as its first rank saw it."""

    way: str
    num_tokens: int
    wall_s_per_step: float
    cpu_s_per_step: float
    collective_s_per_step: float
    max_difference: float
    """From the output of one rank, which each process computes for itself."""
    load_average: float
    """Of the machine when it began: above the number of cores, wall times mean little."""


def measure(way: str, options: Options) -> Measured:
    """Run one of `WAYS` in processes of its own; raises what a rank raises."""
    from telecine_serve.parallel.mesh import free_port

    num_ranks = 1 if way == "one rank" else 2
    port = free_port()
    context = multiprocessing.get_context("spawn")
    with context.Pool(num_ranks) as pool:
        calls = [(rank, num_ranks, port, way, options) for rank in range(num_ranks)]
        found = pool.starmap_async(_run_rank, calls, chunksize=1).get(timeout=900)
    first: Measured = found[0]
    return first


def _run_rank(rank: int, num_ranks: int, port: int, way: str, options: Options) -> Measured:
    import torch

    torch.set_num_threads(1)
    from telecine_serve.parallel.mesh import close_ranks, init_ranks

    load_average = os.getloadavg()[0]
    cpu = torch.device("cpu")
    axes = {"sp_size": num_ranks} if way in ("sp2", "streamed sp2") else {}
    ranks = init_ranks(rank, num_ranks, "127.0.0.1", port, cpu, **axes)
    transformer = new_transformer(options)
    predict = forward_of(transformer, options)
    expected = predict()
    with _put_on_gang(transformer, way, ranks), _collectives() as spent:
        difference = (predict() - expected).abs().max().item()
        spent.clear()
        began_s, began_cpu_s = time.perf_counter(), time.process_time()
        for _ in range(options.num_steps):
            predict()
        wall_s = time.perf_counter() - began_s
        cpu_s = time.process_time() - began_cpu_s
    close_ranks()
    return Measured(
        way=way,
        num_tokens=options.num_frames * (options.side // 2) ** 2,
        wall_s_per_step=wall_s / options.num_steps,
        cpu_s_per_step=cpu_s / options.num_steps,
        collective_s_per_step=sum(spent) / options.num_steps,
        max_difference=difference,
        load_average=load_average,
    )


def new_transformer(options: Options) -> Any:  # Any: diffusers ships no types
    import torch
    from diffusers import WanTransformer3DModel

    torch.manual_seed(0)
    width = options.num_heads * options.head_dim
    return WanTransformer3DModel(
        num_attention_heads=options.num_heads,
        attention_head_dim=options.head_dim,
        ffn_dim=4 * width,
        num_layers=options.num_layers,
        text_dim=64,
        freq_dim=64,
    ).eval()


def forward_of(transformer: Any, options: Options) -> Callable[[], Any]:
    """A forward pass on the same noise each time; Any: tensors, and as above."""
    import torch

    generator = torch.Generator().manual_seed(1)
    shape = (1, 16, options.num_frames, options.side, options.side)
    latents_BCTHW = torch.randn(shape, generator=generator)
    text_BSD = torch.randn((1, 64, 64), generator=generator)

    @torch.no_grad()
    def predict() -> torch.Tensor:
        velocity_BCTHW: torch.Tensor = transformer(
            hidden_states=latents_BCTHW,
            timestep=torch.tensor([500.0]),
            encoder_hidden_states=text_BSD,
            return_dict=False,
        )[0]
        return velocity_BCTHW

    return predict


@contextmanager
def _put_on_gang(transformer: Any, way: str, ranks: Any) -> Iterator[None]:  # Any: as above
    import torch

    from telecine_serve.models.divide import divide
    from telecine_serve.models.wan.family import WanFamily

    if way != "diffusers ulysses2":
        divide(transformer, WanFamily(), ranks)
        if way == "streamed sp2":
            _stream(transformer, ranks)
        yield
        return
    from diffusers import ContextParallelConfig

    # diffusers 0.42.1 divides by the number of accelerators, which is 0 here.
    with mock.patch.object(torch.accelerator, "device_count", return_value=1):
        transformer.enable_parallelism(config=ContextParallelConfig(ulysses_degree=2))
        yield


def _stream(transformer: Any, ranks: Any) -> None:  # Any: as above
    from telecine_serve.parallel.weight_stream import WeightStream

    stream = WeightStream(ranks.world_group, ranks.device)
    for name, whole in list(transformer.named_parameters()):
        module, _, leaf = name.rpartition(".")
        kept = stream.kept(whole.detach(), whole.dtype)
        setattr(transformer.get_submodule(module), leaf, kept)
    stream.attach(transformer, transformer.blocks)


@contextmanager
def _collectives() -> Iterator[list[float]]:
    """The seconds that each collective took while the block ran."""
    import torch.distributed as dist

    spent: list[float] = []

    def timed(function: Callable[..., Any]) -> Callable[..., Any]:  # Any: torch's own arguments
        def call(*args: Any, **kwargs: Any) -> Any:
            began_s = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                spent.append(time.perf_counter() - began_s)

        return call

    patches = [mock.patch.object(dist, name, timed(getattr(dist, name))) for name in _TIMED]
    for patch in patches:
        patch.start()
    try:
        yield spent
    finally:
        for patch in patches:
            patch.stop()


@click.command()
@click.option("--ways", default=",".join(WAYS), help="Which, with commas between them.")
@click.option("--layers", "num_layers", default=4)
@click.option("--heads", "num_heads", default=8)
@click.option("--frames", "num_frames", default=9, help="Latent frames.")
@click.option("--side", default=32, help="Height and width of the latents.")
@click.option("--steps", "num_steps", default=3)
@click.option("--json", "as_json", is_flag=True)
def main(ways: str, as_json: bool, **options: int) -> None:
    """Measure each way in turn."""
    results = []
    for way in ways.split(","):
        if way not in WAYS:
            raise click.UsageError(f"no way {way!r}; known: {', '.join(WAYS)}")
        results.append(measure(way, Options(**options)))
    if as_json:
        click.echo(json.dumps([asdict(result) for result in results], indent=2))
        return
    for result in results:
        click.echo(
            f"{result.way:20} {result.wall_s_per_step:8.3f} s/step "
            f"{result.cpu_s_per_step:8.3f} CPU s {result.collective_s_per_step:8.3f} s collectives "
            f"difference {result.max_difference:.1e} load {result.load_average:.1f}"
        )


if __name__ == "__main__":
    main()
