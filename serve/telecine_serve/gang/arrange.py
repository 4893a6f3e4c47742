"""From a placement group to a plan and places: what a gang has to know before its ranks start."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

import ray
from ray.util.placement_group import PlacementGroup, placement_group_table
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from telecine_platform.settings import Settings
from telecine_serve.gang.order import rank_order
from telecine_serve.gang.plan import GangPlan, plan_gang

_REPLICA_BUNDLE = 0


def arrange_gang(settings: Settings, placement_group: PlacementGroup) -> tuple[GangPlan, list[int]]:
    """The gang's plan and the bundle of each rank, in rank order; reads the model's configs.

    Raises PlanError if the model does not divide over the ranks or does not fit, ModelError if its
    folder cannot be read here.
    """
    bundles_from_node = defaultdict(list)
    for bundle, node in placement_group_table(placement_group)["bundles_to_node_id"].items():
        if int(bundle) != _REPLICA_BUNDLE:
            bundles_from_node[str(node)].append(int(bundle))
    plan = plan_gang(
        settings,
        _gpu_memory_bytes(placement_group) if settings.rank_device == "cuda" else None,
        # The smallest share of a node: tp has to fit everywhere.
        gpus_per_node=min(map(len, bundles_from_node.values())),
        host_memory_bytes=_least_memory_bytes(bundles_from_node.keys()),
    )
    return plan, rank_order(bundles_from_node, plan.axes)


def _least_memory_bytes(nodes: Collection[str]) -> float:
    """What Ray may give away on the smallest of these nodes (in a pod, its limit); 0: it has not
    said, so nothing can wait there.
    """
    return min(
        (
            float(node["Resources"].get("memory", 0))
            for node in ray.nodes()
            if node["NodeID"] in nodes
        ),
        default=0.0,
    )


def _gpu_memory_bytes(placement_group: PlacementGroup) -> int:
    """Asked of the first rank's GPU; the GPUs of a gang are taken to be equal."""
    strategy = PlacementGroupSchedulingStrategy(
        placement_group=placement_group, placement_group_bundle_index=_REPLICA_BUNDLE + 1
    )
    task = ray.remote(_own_gpu_memory_bytes).options(
        num_cpus=1, num_gpus=1, scheduling_strategy=strategy
    )
    num_bytes: int = ray.get(task.remote())
    return num_bytes


def _own_gpu_memory_bytes() -> int:
    import torch

    return int(torch.cuda.get_device_properties(0).total_memory)
