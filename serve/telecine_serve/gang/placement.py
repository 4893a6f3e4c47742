"""Which resources a gang reserves: bundle 0 for the Serve replica, then one bundle per rank."""

from __future__ import annotations

from collections.abc import Mapping

REPLICA_CPUS = 0.1
"""The replica only waits, claims and writes blobs."""


def gang_bundles(
    num_ranks: int, rank_device: str, resources: Mapping[str, float] | None = None
) -> list[dict[str, float]]:
    """Bundles of the gang's placement group, in rank order after the replica's own.

    A rank has one CPU, so Ray gives its process one OpenMP thread; on `cuda` also one GPU. Each
    bundle also takes `resources`: the mark of the nodes that it may lie on.
    """
    mark = dict(resources or {})
    rank_bundle = {"CPU": 1.0} | ({"GPU": 1.0} if rank_device == "cuda" else {})
    return [{"CPU": REPLICA_CPUS} | mark] + [rank_bundle | mark for _ in range(num_ranks)]


def gang_cpus(num_ranks: int) -> float:
    """Logical CPUs of a gang's bundles."""
    return sum(bundle["CPU"] for bundle in gang_bundles(num_ranks, "cpu"))
