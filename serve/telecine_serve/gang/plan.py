"""How a gang of `num_ranks` divides and places its model: asked once, before its ranks start."""

from __future__ import annotations

from dataclasses import dataclass

from telecine_platform.catalogue import ModelCard, card_from_name
from telecine_platform.errors import PlanError
from telecine_platform.settings import Settings
from telecine_serve.models.architectures import architecture_from_folder
from telecine_serve.parallel.architecture import Architecture, ClipShape
from telecine_serve.parallel.axes import Axes, axes_from_text
from telecine_serve.parallel.legal import (
    axes_of_gang,
    illegal_because,
    least_memory_axes,
    unplaceable_because,
)
from telecine_serve.parallel.placement import Placement, placement_from_text
from telecine_serve.parallel.plan import ALL_PLACEMENTS, Cluster, make_plan


@dataclass(frozen=True, slots=True, kw_only=True)
class GangPlan:
    """What every rank of a gang has to know of it."""

    axes: Axes
    placement: Placement


def plan_gang(
    settings: Settings,
    gpu_memory_bytes: int | None,
    gpus_per_node: int,
    host_memory_bytes: float | None = None,
) -> GangPlan:
    """The planner's choice for the model's largest clip; `gpu_memory_bytes` is None on CPUs, and
    `host_memory_bytes` (of a node) where it is not to be looked at.

    CPU ranks share a machine's memory, so they take the axes that need least of it, and their
    model stays where it is. Raises PlanError if the model does not divide or does not fit,
    ModelError for an unreadable folder.
    """
    card = card_from_name(settings.model)
    architecture = architecture_from_folder(settings.resolved_model_folder, card.max_text_tokens)
    clip = _largest_clip(card, settings)
    chosen = [axes_from_text(settings.gang_axes)] if settings.gang_axes else []
    placements = ALL_PLACEMENTS
    if settings.gang_placement:
        placements = (placement_from_text(settings.gang_placement),)
    for axes in chosen:
        _check_chosen(architecture, clip, axes, settings, gpu_memory_bytes, gpus_per_node)
        if settings.gang_placement and (reason := unplaceable_because(axes, placements[0])):
            raise PlanError(f"gang_axes {settings.gang_axes!r}: {reason}")
    if gpu_memory_bytes is None:
        placement = placements[0]
        axes = (
            chosen[0] if chosen else least_memory_axes(architecture, settings.num_ranks, placement)
        )
        return GangPlan(axes=axes, placement=placement)
    cluster = Cluster(
        num_gpus=settings.num_ranks,
        gpu_memory_bytes=gpu_memory_bytes - _adapter_bytes(settings),
        gpus_per_node=gpus_per_node,
        host_memory_bytes=host_memory_bytes,
    )
    plan = make_plan(
        architecture,
        clip,
        cluster,
        candidates=chosen or list(axes_of_gang(settings.num_ranks)),
        placements=placements,
    ).plan
    return GangPlan(axes=plan.axes, placement=plan.placement)


def _check_chosen(
    architecture: Architecture,
    clip: ClipShape,
    axes: Axes,
    settings: Settings,
    gpu_memory_bytes: int | None,
    gpus_per_node: int,
) -> None:
    """CPU ranks may have tp across all of them: gangs of CPUs lie on one machine."""
    node_size = settings.num_ranks if gpu_memory_bytes is None else gpus_per_node
    reason = illegal_because(architecture, clip, axes, node_size)
    if axes.num_ranks != settings.num_ranks:
        reason = f"{axes} is {axes.num_ranks} ranks, but num_ranks is {settings.num_ranks}"
    if reason is not None:
        raise PlanError(f"gang_axes {settings.gang_axes!r}: {reason}")


def _adapter_bytes(settings: Settings) -> int:
    """Of the largest ones that may be loaded together, not divided."""
    if settings.adapters_url:
        num_loaded = min(settings.max_loaded_adapters, len(settings.allowed_adapters))
        return num_loaded * settings.max_adapter_bytes
    folder = settings.adapters_folder
    if folder is None:
        return 0
    sizes_bytes = sorted(
        sum(file.stat().st_size for file in (folder / name).glob("*.safetensors"))
        for name in settings.allowed_adapters
    )
    return sum(sizes_bytes[-settings.max_loaded_adapters :])


def _largest_clip(card: ModelCard, settings: Settings) -> ClipShape:
    width_px, height_px = max(card.sizes_px, key=lambda size: size[0] * size[1])
    return ClipShape(
        width_px=width_px,
        height_px=height_px,
        num_frames=card.num_frames_from_s(max(card.durations_s)),
        num_steps=card.num_steps,
        is_guided=card.guidance_scale > 1,
        has_step_cache=settings.max_step_cache > 0,
    )
