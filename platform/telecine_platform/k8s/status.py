"""A release as its cluster shows it now: applications, groups, gangs and GPUs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from telecine_platform.errors import NotFound
from telecine_platform.k8s.client import Cluster
from telecine_platform.k8s.groups import Group, groups_of
from telecine_platform.k8s.manifests import Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class AppStatus:
    """A Serve application in one Ray cluster."""

    name: str
    status: str
    """Serve's word: RUNNING, DEPLOYING, UNHEALTHY, ..."""
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupStatus:
    """A worker group in one Ray cluster."""

    name: str
    wanted_replicas: int
    """What the autoscaler asks for now."""
    max_replicas: int
    whole_replicas: int
    """With every host running: for generation, gangs that can work."""
    pods: int
    running_pods: int
    gpus: int
    """Of the running pods."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RayClusterStatus:
    """One of the at most two Ray clusters of a RayService."""

    name: str
    role: str
    """`active`, or `pending` while an upgrade builds it."""
    state: str
    apps: tuple[AppStatus, ...]
    groups: tuple[GroupStatus, ...]

    @property
    def gpus(self) -> int:
        return sum(group.gpus for group in self.groups)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStatus:
    """A RayService with what stands behind it."""

    name: str
    namespace: str
    status: str
    conditions: tuple[str, ...]
    """Those that hold, as `Ready` or `UpgradeInProgress`."""
    clusters: tuple[RayClusterStatus, ...]

    @property
    def is_healthy(self) -> bool:
        """Ready, and every application of the active cluster runs."""
        apps = [app for each in self.clusters if each.role == "active" for app in each.apps]
        return (
            "Ready" in self.conditions
            and bool(apps)
            and all(app.status == "RUNNING" for app in apps)
        )


def read_status(cluster: Cluster, name: str) -> ServiceStatus:
    """Look at one RayService. Raises `NotFound` when there is none of that name."""
    service = cluster.ray_service(name)
    status = service.get("status") or {}
    clusters = [
        _cluster_status(cluster, role, part)
        for role in ("active", "pending")
        if (part := status.get(f"{role}ServiceStatus") or {}).get("rayClusterName")
    ]
    conditions = [each["type"] for each in status.get("conditions") or [] if _holds(each)]
    return ServiceStatus(
        name=name,
        namespace=cluster.namespace,
        status=status.get("serviceStatus") or "unknown",
        conditions=tuple(conditions),
        clusters=tuple(clusters),
    )


def _holds(condition: Manifest) -> bool:
    return condition.get("status") == "True"


def _cluster_status(cluster: Cluster, role: str, part: Manifest) -> RayClusterStatus:
    name = part["rayClusterName"]
    pods = cluster.pods(f"ray.io/cluster={name},ray.io/node-type=worker")
    try:
        spec = cluster.ray_cluster(name).get("spec") or {}
    except NotFound:  # named in the status, and not made yet
        spec = {}
    apps = [
        AppStatus(name=app, status=each.get("status") or "", message=each.get("message") or "")
        for app, each in sorted((part.get("applicationStatuses") or {}).items())
    ]
    return RayClusterStatus(
        name=name,
        role=role,
        state=(part.get("rayClusterStatus") or {}).get("state") or "unknown",
        apps=tuple(apps),
        groups=tuple(_group_status(group, pods) for group in groups_of(spec)),
    )


def _group_status(group: Group, pods: Sequence[Manifest]) -> GroupStatus:
    """Pods of one multi-host replica carry the same `ray.io/worker-group-replica-name`."""
    own = [pod for pod in pods if _labels(pod).get("ray.io/group") == group.name]
    running = [pod for pod in own if _is_running(pod)]
    hosts: dict[str, int] = {}
    for number, pod in enumerate(running):
        replica = _labels(pod).get("ray.io/worker-group-replica-name", str(number))
        hosts[replica] = hosts.get(replica, 0) + 1
    return GroupStatus(
        name=group.name,
        wanted_replicas=group.start_replicas,
        max_replicas=group.max_replicas,
        whole_replicas=sum(num_hosts >= group.hosts for num_hosts in hosts.values()),
        pods=len(own),
        running_pods=len(running),
        gpus=len(running) * group.gpus_per_host,
    )


def _labels(pod: Manifest) -> Manifest:
    labels: Manifest = (pod.get("metadata") or {}).get("labels") or {}
    return labels


def _is_running(pod: Manifest) -> bool:
    """Not by readiness: hosts of a gang without a Serve replica are never Ready (kuberay#2552)."""
    is_ending = bool((pod.get("metadata") or {}).get("deletionTimestamp"))
    return (pod.get("status") or {}).get("phase") == "Running" and not is_ending
