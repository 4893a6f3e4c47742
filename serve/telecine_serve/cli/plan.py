"""`telecine plan`: how many GPUs a model needs, and how it would be divided over them."""

from __future__ import annotations

import json
import re
from dataclasses import asdict

import click
from rich.console import Console
from rich.table import Table

from telecine_platform.catalogue import card_from_name
from telecine_platform.errors import InvalidRequest
from telecine_serve.models.architectures import architecture_from_name
from telecine_serve.parallel.architecture import ClipShape
from telecine_serve.parallel.plan import Cluster, Plan, Planning, make_plan


@click.command()
@click.option("--model", required=True, help="A name in the catalogue.")
@click.option("--gpus", type=click.IntRange(1, 1024), required=True, help="GPUs in all.")
@click.option("--gpu-memory", type=click.FloatRange(1), required=True, help="GB of each GPU.")
@click.option("--gpus-per-node", type=click.IntRange(1), default=8, show_default=True)
@click.option(
    "--node-memory", type=click.FloatRange(1), default=None, help="GB; enough if not given."
)
@click.option("--size", default=None, help="WIDTHxHEIGHT; the model's own if not given.")
@click.option("--seconds", type=click.IntRange(1), default=None, help="The model's if not given.")
@click.option("--json", "as_json", is_flag=True, help="Report as JSON.")
def plan(
    model: str,
    gpus: int,
    gpu_memory: float,
    gpus_per_node: int,
    node_memory: float | None,
    size: str | None,
    seconds: int | None,
    as_json: bool,
) -> None:
    """Show how MODEL would be divided over GPUs: memory, traffic, seconds, and why."""
    card = card_from_name(model)
    width_px, height_px = card.sizes_px[0] if size is None else _size_from_text(size)
    clip = ClipShape(
        width_px=width_px,
        height_px=height_px,
        num_frames=card.num_frames_from_s(seconds or card.durations_s[0]),
        num_steps=card.num_steps,
        is_guided=card.guidance_scale > 1,
    )
    cluster = Cluster(
        num_gpus=gpus,
        gpu_memory_bytes=gpu_memory * 1e9,
        gpus_per_node=gpus_per_node,
        host_memory_bytes=None if node_memory is None else node_memory * 1e9,
    )
    planning = make_plan(architecture_from_name(model), clip, cluster)
    if as_json:
        click.echo(json.dumps(_as_dict(planning)))
    else:
        _show(planning, Console())


def _size_from_text(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{2,5})x(\d{2,5})", text)
    if match is None:
        raise InvalidRequest(f"size {text!r}: write it as 1280x720", param="size")
    return int(match[1]), int(match[2])


def _as_dict(planning: Planning) -> dict[str, object]:
    plan = planning.plan
    return {
        "axes": asdict(plan.axes),
        "num_gangs": plan.num_gangs,
        "placement": asdict(plan.placement),
        "memory": asdict(plan.memory) | {"total_bytes": plan.memory.total_bytes},
        "host_bytes": plan.host_bytes,
        "sent_per_step": asdict(plan.traffic) | {"total_bytes": plan.traffic.total_bytes},
        "step_s": plan.step_s,
        "clip_s": plan.clip_s,
        "rejected": [
            {"axes": asdict(rejection.axes), "reason": rejection.reason}
            for rejection in planning.rejections
        ],
    }


def _show(planning: Planning, console: Console) -> None:
    plan = planning.plan
    gangs = "1 gang" if plan.num_gangs == 1 else f"{plan.num_gangs} gangs"
    console.print(f"[bold]{plan.axes}[/], {plan.axes.num_ranks} GPUs each for {gangs}")
    for line in _placement_lines(plan):
        console.print(f"  {line}")
    console.print(_memory_table(plan))
    console.print(
        f"A rank sends {plan.traffic.total_bytes / 1e9:.1f} GB per step (tp "
        f"{plan.traffic.tp_bytes / 1e9:.1f}, sp {plan.traffic.sp_bytes / 1e9:.1f}, cfg "
        f"{plan.traffic.cfg_bytes / 1e9:.2f}, weights {plan.traffic.weights_bytes / 1e9:.1f}).\n"
        f"Estimated: {plan.step_s:.2f} s per step, {plan.clip_s:.0f} s per clip."
    )
    rejected = Table("rejected", "because")
    for rejection in planning.rejections:
        rejected.add_row(str(rejection.axes), rejection.reason)
    console.print(rejected)


def _placement_lines(plan: Plan) -> list[str]:
    placement = plan.placement
    lines = []
    if not placement.is_text_encoder_on_gpu:
        lines.append("the text encoder runs on the host's cores")
    if not placement.are_all_experts_resident:
        lines.append("one expert at a time is on the GPU, both are in host memory")
    if placement.are_weights_streamed:
        lines.append(
            "the transformer waits in host memory, divided over the gang; each step a rank copies "
            f"{plan.traffic.bus_bytes / 1e9:.0f} GB to its GPU, block by block"
        )
    if placement.is_decode_tiled:
        lines.append("the VAE decodes in tiles: seams change the picture a little")
    if plan.host_bytes:
        lines.append(f"that takes {plan.host_bytes / 1e9:.0f} GB of a node's own memory")
    return lines


def _memory_table(plan: Plan) -> Table:
    memory = plan.memory
    table = Table("memory of the fullest GPU", "GB")
    for name, num_bytes in (
        ("transformer", memory.transformer_bytes),
        ("text encoder", memory.text_encoder_bytes),
        ("VAE", memory.vae_bytes),
        ("denoising, or", memory.denoise_bytes),
        ("decoding", memory.decode_bytes),
        ("reserve", memory.reserve_bytes),
        ("[bold]at the peak[/]", memory.total_bytes),
    ):
        table.add_row(name, f"{num_bytes / 1e9:.1f}")
    return table
