"""Choose how a gang divides a model: illegal ways fall, of those that fit the best one wins. Pure.

Best is: weights on the GPUs before streamed ones, exact before tiled decoding, then the fewest
seconds per clip. GPUs that one gang cannot use well make more gangs of the same plan. Invariant: a
plan that comes out is legal and fits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

from telecine_platform.errors import PlanError
from telecine_serve.parallel.architecture import Architecture, ClipShape
from telecine_serve.parallel.axes import Axes
from telecine_serve.parallel.calibration import CALIBRATION, Calibration
from telecine_serve.parallel.cost_model import (
    Memory,
    Traffic,
    clip_overhead_seconds,
    host_bytes,
    memory_of,
    step_seconds,
    traffic_of,
)
from telecine_serve.parallel.legal import all_axes, illegal_because, unplaceable_because
from telecine_serve.parallel.placement import Placement

_MAX_SUGGESTED_GPUS = 64
ALL_PLACEMENTS = tuple(
    Placement(
        is_text_encoder_on_gpu=text,
        are_all_experts_resident=experts,
        are_weights_streamed=streamed,
        is_decode_tiled=tiled,
    )
    for (experts, streamed), text, tiled in product(
        ((True, False), (False, False), (True, True)), (True, False), (False, True)
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Equal GPUs in equal nodes."""

    num_gpus: int
    gpu_memory_bytes: float
    gpus_per_node: int
    host_memory_bytes: float | None = None
    """Of each node; None: there is enough."""

    @property
    def node_size(self) -> int:
        """GPUs that are together in one node."""
        return min(self.num_gpus, self.gpus_per_node)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One gang's axes and what they cost."""

    axes: Axes
    num_gangs: int
    placement: Placement
    memory: Memory
    host_bytes: float
    """Of the memory of the node with the leading rank."""
    traffic: Traffic
    step_s: float
    clip_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """Axes that were considered, and what spoke against them."""

    axes: Axes
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Planning:
    """The chosen plan and the way to it."""

    plan: Plan
    rejections: tuple[Rejection, ...]


def make_plan(
    architecture: Architecture,
    clip: ClipShape,
    cluster: Cluster,
    *,
    candidates: Sequence[Axes] = (),
    placements: Sequence[Placement] = ALL_PLACEMENTS,
    calibration: Calibration = CALIBRATION,
) -> Planning:
    """The best plan for `cluster`, and why each other division of its GPUs was rejected.

    `candidates` and `placements` are those to choose from; without candidates, all axes that leave
    no GPU over. Raises PlanError if nothing fits; the message says what would.
    """
    _check_cluster(cluster)
    plans: list[Plan] = []
    rejections: list[Rejection] = []
    for axes in candidates or all_axes(cluster.num_gpus):
        possible = _placeable(axes, placements)
        reason = illegal_because(architecture, clip, axes, cluster.node_size)
        if reason is None and not possible:
            reason = unplaceable_because(axes, placements[0])
        if reason is None:
            plan = _best_placement(architecture, clip, axes, cluster, possible, calibration)
            if _fits(plan, cluster, calibration):
                plans.append(plan)
                continue
            reason = _too_large(plan, cluster, calibration)
        rejections.append(Rejection(axes=axes, reason=reason))
    if not plans:
        raise PlanError(_nothing_fits(architecture, clip, cluster, placements, calibration))
    chosen, *slower = sorted(plans, key=_rank)
    rejections += [Rejection(axes=plan.axes, reason=_worse(plan, chosen)) for plan in slower]
    return Planning(plan=chosen, rejections=tuple(rejections))


def _placeable(axes: Axes, placements: Sequence[Placement]) -> list[Placement]:
    return [each for each in placements if unplaceable_because(axes, each) is None]


def _best_placement(
    architecture: Architecture,
    clip: ClipShape,
    axes: Axes,
    cluster: Cluster,
    placements: Sequence[Placement],
    calibration: Calibration,
) -> Plan:
    """The best one that fits; if none does, the smallest one."""
    plans = []
    for placement in placements:
        step_s = step_seconds(architecture, clip, axes, cluster.node_size, calibration, placement)
        overhead_s = clip_overhead_seconds(architecture, clip, axes, placement, calibration)
        plans.append(
            Plan(
                axes=axes,
                num_gangs=cluster.num_gpus // axes.num_ranks,
                placement=placement,
                memory=memory_of(architecture, clip, axes, placement, calibration),
                host_bytes=host_bytes(architecture, axes, placement, cluster.node_size),
                traffic=traffic_of(architecture, clip, axes, placement),
                step_s=step_s,
                clip_s=clip.num_steps * step_s + overhead_s,
            )
        )
    fitting = [plan for plan in plans if _fits(plan, cluster, calibration)]
    if fitting:
        return min(fitting, key=_rank)
    return min(plans, key=lambda plan: plan.memory.total_bytes)


def _rank(plan: Plan) -> tuple[bool, bool, float, int]:
    placement = plan.placement
    return (
        placement.are_weights_streamed,
        placement.is_decode_tiled,
        plan.clip_s,
        plan.axes.num_ranks,
    )


def _fits(plan: Plan, cluster: Cluster, calibration: Calibration) -> bool:
    fits_gpu = plan.memory.total_bytes <= cluster.gpu_memory_bytes
    return fits_gpu and plan.host_bytes <= _usable_host_bytes(cluster, calibration)


def _usable_host_bytes(cluster: Cluster, calibration: Calibration) -> float:
    if cluster.host_memory_bytes is None:
        return math.inf
    return calibration.host_share * cluster.host_memory_bytes


def _too_large(plan: Plan, cluster: Cluster, calibration: Calibration) -> str:
    if plan.memory.total_bytes > cluster.gpu_memory_bytes:
        return (
            f"needs {plan.memory.total_bytes / 1e9:.1f} GB at the least, a GPU has "
            f"{cluster.gpu_memory_bytes / 1e9:.0f} GB"
        )
    return (
        f"needs {plan.host_bytes / 1e9:.0f} GB of a node's own memory, of which weights may take "
        f"{_usable_host_bytes(cluster, calibration) / 1e9:.0f} GB"
    )


def _worse(plan: Plan, chosen: Plan) -> str:
    if plan.placement.are_weights_streamed and not chosen.placement.are_weights_streamed:
        return "fits only with weights that come from host memory block by block"
    if plan.placement.is_decode_tiled and not chosen.placement.is_decode_tiled:
        return "fits only with tiled decoding, whose seams change the picture"
    return f"slower: {plan.clip_s:.1f} s per clip instead of {chosen.clip_s:.1f} s"


def _check_cluster(cluster: Cluster) -> None:
    if cluster.num_gpus < 1 or cluster.gpus_per_node < 1:
        raise PlanError(f"{cluster}: counts of GPUs start at 1")


def _nothing_fits(
    architecture: Architecture,
    clip: ClipShape,
    cluster: Cluster,
    placements: Sequence[Placement],
    calibration: Calibration,
) -> str:
    """The smallest need with these GPUs, and how many GPUs of this size would do."""

    def smallest(other: Cluster) -> Plan:
        legal = (
            (axes, _placeable(axes, placements))
            for axes in all_axes(other.num_gpus)
            if illegal_because(architecture, clip, axes, other.node_size) is None
        )
        plans = (
            _best_placement(architecture, clip, axes, other, possible, calibration)
            for axes, possible in legal
            if possible
        )
        return min(plans, key=lambda plan: plan.memory.total_bytes)

    here = smallest(cluster)
    message = f"no plan fits: {here.axes} " + _too_large(here, cluster, calibration)
    for num_gpus in range(cluster.num_gpus + 1, _MAX_SUGGESTED_GPUS + 1):
        larger = replace(cluster, num_gpus=num_gpus)
        if _fits(smallest(larger), larger, calibration):
            return f"{message}; {num_gpus} such GPUs would do"
    return f"{message}; more such GPUs would not help: take larger ones"
