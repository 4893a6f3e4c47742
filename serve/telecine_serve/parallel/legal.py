"""Which axes a gang may have, and which ones the engine can run for a model. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from telecine_platform.errors import PlanError
from telecine_serve.parallel.architecture import Architecture, ClipShape
from telecine_serve.parallel.axes import Axes
from telecine_serve.parallel.placement import ALL_ON_GPU, Placement


def illegal_because(
    architecture: Architecture, clip: ClipShape, axes: Axes, node_size: int
) -> str | None:
    """Why the engine cannot run `axes`; None if it can. Memory is not looked at."""
    heads, ffn_width = architecture.num_heads, architecture.ffn_width
    if axes.cfg_size > clip.num_forwards:
        return "cfg 2 needs guidance: there is only one half"
    if heads % (axes.tp_size * axes.sp_size):
        return f"{heads} heads do not divide over tp {axes.tp_size} x sp {axes.sp_size}"
    if ffn_width % axes.tp_size:
        return f"the feed-forward width {ffn_width} does not divide over tp {axes.tp_size}"
    if node_size % axes.tp_size:
        return f"tp {axes.tp_size} would cross nodes of {node_size} GPUs"
    return None


def unplaceable_because(axes: Axes, placement: Placement) -> str | None:
    """Why the engine cannot have `placement` on `axes`; None if it can."""
    if placement.are_weights_streamed and axes.tp_size > 1:
        return f"weights that are streamed (Z) need tp 1, not {axes.tp_size}"
    return None


def least_memory_axes(
    architecture: Architecture, num_ranks: int, placement: Placement = ALL_ON_GPU
) -> Axes:
    """The axes for CPU ranks of one machine, which share its memory: as much tp as divides, then
    sp, then cfg. Raises PlanError if no axes use `num_ranks`.
    """
    clip = ClipShape(width_px=0, height_px=0, num_frames=1, num_steps=1, is_guided=True)
    legal = [
        axes
        for axes in axes_of_gang(num_ranks)
        if illegal_because(architecture, clip, axes, num_ranks) is None
        and unplaceable_because(axes, placement) is None
    ]
    if not legal:
        raise PlanError(
            f"{architecture.num_heads} heads do not divide over {num_ranks} ranks in any way: "
            "set num_ranks to a number that does"
        )
    return max(legal, key=lambda axes: (axes.tp_size, axes.sp_size))


def all_axes(num_gpus: int) -> Iterator[Axes]:
    """Of gangs that leave no GPU over, large gangs first."""
    for num_gangs in range(1, num_gpus + 1):
        if num_gpus % num_gangs == 0:
            yield from axes_of_gang(num_gpus // num_gangs)


def axes_of_gang(num_ranks: int) -> Iterator[Axes]:
    """All that use every rank."""
    for cfg, tp in product((1, 2), range(1, num_ranks + 1)):
        if num_ranks % (cfg * tp) == 0:
            yield Axes(cfg_size=cfg, sp_size=num_ranks // (cfg * tp), tp_size=tp)
