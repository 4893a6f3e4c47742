"""Worker groups in numbers: pods, hosts and GPUs. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from telecine_platform.k8s.manifests import Manifest, group_specs, pod_spec

_NO_LIMIT = 2_147_483_647
"""KubeRay's default for `maxReplicas`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One worker group. A replica is all of its hosts together: a gang, for generation."""

    name: str
    replicas: int
    """What the manifest asks for; the autoscaler takes over from there."""
    min_replicas: int
    max_replicas: int
    hosts: int
    gpus_per_host: int
    has_claims: bool
    """Devices come from resource claims: how many is not in the pod."""

    @property
    def gpus_per_replica(self) -> int:
        return self.hosts * self.gpus_per_host

    @property
    def start_replicas(self) -> int:
        """With what a new cluster begins."""
        return min(max(self.replicas, self.min_replicas), self.max_replicas)


def groups_of(config: Manifest) -> tuple[Group, ...]:
    """The worker groups of a `rayClusterConfig`, with the CRD's defaults."""
    return tuple(_group(spec) for spec in group_specs(config))


def gpus_at_start(groups: Sequence[Group]) -> int:
    return sum(group.start_replicas * group.gpus_per_replica for group in groups)


def gpus_at_most(groups: Sequence[Group]) -> int | None:
    """At full size; None: a group with GPUs has no upper bound."""
    with_gpus = [group for group in groups if group.gpus_per_replica]
    if any(group.max_replicas >= _NO_LIMIT for group in with_gpus):
        return None
    return sum(group.max_replicas * group.gpus_per_replica for group in with_gpus)


def gpus_of_resources(amounts: Manifest) -> int:
    """GPUs among the resources of a container or node: `nvidia.com/gpu`, `amd.com/gpu`, ..."""
    return sum(int(amount) for name, amount in amounts.items() if name.endswith("/gpu"))


def _group(spec: Manifest) -> Group:
    containers = pod_spec(spec).get("containers") or []
    limits = [(container.get("resources") or {}).get("limits") or {} for container in containers]
    return Group(
        name=str(spec.get("groupName", "")),
        replicas=spec.get("replicas") or 0,
        min_replicas=spec.get("minReplicas") or 0,
        max_replicas=_NO_LIMIT if spec.get("maxReplicas") is None else spec["maxReplicas"],
        hosts=spec.get("numOfHosts") or 1,
        gpus_per_host=sum(gpus_of_resources(each) for each in limits),
        has_claims=bool(pod_spec(spec).get("resourceClaims")),
    )
