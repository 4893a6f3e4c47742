"""Whether KubeRay changes a running cluster or builds a second one. Pure.

KubeRay hashes `spec.rayClusterConfig` without a few fields and compares the hash with the one that
it noted on the running cluster. Source: ray-project/kuberay v1.7.0,
`ray-operator/controllers/ray/utils/util.go: GenerateHashWithoutReplicasAndWorkersToDelete` and
`rayservice_controller.go: shouldUpdateCluster, shouldPrepareNewCluster`.

Where a YAML difference may or may not be one in Go (an empty object against none), it counts as
one: this rule may announce a second cluster that does not come, never the other way round.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from telecine_platform.k8s.manifests import Manifest, group_specs

_UNHASHED_IN_GROUP = ("replicas", "minReplicas", "maxReplicas")
_UNHASHED_IN_POD = ("tolerations", "schedulingGates")
_GROUP_DEFAULTS = {"numOfHosts": 1, "priority": 0, "replicas": 0, "minReplicas": 0}
_EMPTY_IS_NONE = frozenset(
    {"annotations", "labels", "limits", "matchLabels", "metadata", "nodeSelector", "requests"}
    | {"resources", "scaleStrategy"}
)
"""Go leaves these out or writes them as `{}` whether the YAML has them empty or not at all."""


class ClusterChange(StrEnum):
    """What becomes of the Ray cluster."""

    NONE = "none"
    GROUPS_ADDED = "groups added"
    """In place: nothing but worker groups appended behind the others."""
    UNHASHED = "not applied"
    """Only fields that KubeRay does not compare: the running cluster keeps its old values."""
    NEW_CLUSTER = "new cluster"
    SWITCHED_OFF = "switched off"
    """It would be a new cluster, and `upgradeStrategy.type: None` forbids it."""


def cluster_change(old_spec: Manifest, new_spec: Manifest) -> ClusterChange:
    """Compare the `spec` of two RayServices as KubeRay does."""
    old, new = old_spec["rayClusterConfig"], new_spec["rayClusterConfig"]
    if hashed(old) == hashed(new):
        is_same = unhashed_differences(old, new) == ()
        return ClusterChange.NONE if is_same else ClusterChange.UNHASHED
    num_groups = len(group_specs(old))
    if len(group_specs(new)) >= num_groups:
        first_groups = list(group_specs(new))[:num_groups]
        if hashed(old) == hashed({**new, "workerGroupSpecs": first_groups}):
            return ClusterChange.GROUPS_ADDED
    strategy = (new_spec.get("upgradeStrategy") or {}).get("type")
    return ClusterChange.SWITCHED_OFF if strategy == "None" else ClusterChange.NEW_CLUSTER


def hashed(config: Manifest) -> dict[str, Any]:
    """The part of a `rayClusterConfig` that the hash is made of."""
    kept = _with_defaults(config)
    kept.pop("upgradeStrategy", None)
    for group in kept["workerGroupSpecs"]:
        for name in _UNHASHED_IN_GROUP:
            group.pop(name, None)
        (group.get("scaleStrategy") or {}).pop("workersToDelete", None)
    for group in (kept.get("headGroupSpec") or {}, *kept["workerGroupSpecs"]):
        pod = (group.get("template") or {}).get("spec") or {}
        for name in _UNHASHED_IN_POD:
            pod.pop(name, None)
    without: dict[str, Any] = _without_nothing(kept)
    return without


def unhashed_differences(old: Manifest, new: Manifest) -> tuple[str, ...]:
    """Where two `rayClusterConfig`s differ though their hashes may not see it."""
    seen = set(differences(hashed(old), hashed(new)))
    every = differences(
        _without_nothing(_with_defaults(old)), _without_nothing(_with_defaults(new))
    )
    return tuple(path for path in every if path not in seen)


def hashed_differences(old: Manifest, new: Manifest) -> tuple[str, ...]:
    """Where the hashed parts of two `rayClusterConfig`s differ: paths, never values."""
    return differences(hashed(old), hashed(new))


def differences(old: object, new: object, path: str = "") -> tuple[str, ...]:
    """The paths at which two YAML values differ. Lists of named things are compared by name.

    Values are left out, because a manifest may hold passwords.
    """
    return tuple(_walk(old, new, path))


def _with_defaults(config: Manifest) -> dict[str, Any]:
    """A copy with what the API server fills in by the CRD."""
    filled = copy.deepcopy(dict(config))
    filled["workerGroupSpecs"] = [
        _GROUP_DEFAULTS | {key: value for key, value in group.items() if value is not None}
        for group in filled.get("workerGroupSpecs") or []
    ]
    return filled


def _walk(old: object, new: object, path: str) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys(), key=str):
            yield from _walk(old.get(key), new.get(key), f"{path}.{key}" if path else str(key))
    elif isinstance(old, list) and isinstance(new, list):
        yield from _walk_lists(old, new, path)
    elif old != new:
        yield path


def _walk_lists(old: list[Any], new: list[Any], path: str) -> Iterator[str]:
    names = [[_name_of(item) for item in items] for items in (old, new)]
    if None in names[0] + names[1] or any(len(set(own)) < len(own) for own in names):
        if len(old) != len(new):
            yield path
        else:
            for number, (before, after) in enumerate(zip(old, new, strict=True)):
                yield from _walk(before, after, f"{path}[{number}]")
        return
    by_name = [
        dict(zip(own, items, strict=True)) for own, items in zip(names, (old, new), strict=True)
    ]
    for name in dict.fromkeys(names[0] + names[1]):
        yield from _walk(by_name[0].get(name), by_name[1].get(name), f"{path}[{name}]")
    common = [[name for name in own if name in by_name[0] and name in by_name[1]] for own in names]
    if common[0] != common[1]:
        yield f"{path} (order)"


def _name_of(item: object) -> str | None:
    if not isinstance(item, dict):
        return None
    name = item.get("groupName", item.get("name"))
    return name if isinstance(name, str) else None


def _without_nothing(value: Any) -> Any:  # Any: YAML of any shape, and the same shape back
    """Without what Go's `omitempty` leaves out for sure; whole numbers as Kubernetes reads them."""
    if isinstance(value, list):
        return [_without_nothing(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {}
    for key, item in value.items():
        small = _without_nothing(item)
        if key in ("limits", "requests") and isinstance(small, dict):
            small = {name: str(amount) for name, amount in small.items()}
        is_nothing = small is None or small == [] or (small == {} and key in _EMPTY_IS_NONE)
        if not is_nothing:
            kept[key] = small
    return kept
