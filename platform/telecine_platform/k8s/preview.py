"""What applying a new release over an old one would do to GPUs and to workers. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from telecine_platform.k8s.drain import (
    Drain,
    deletion_delay_s,
    drain_of_end,
    drain_of_restart,
    grace_s,
    traffic_shift_s,
    waits_for_jobs,
)
from telecine_platform.k8s.groups import Group, gpus_at_most, gpus_at_start, groups_of
from telecine_platform.k8s.manifests import Manifest, Release, group_specs
from telecine_platform.k8s.serve_change import AppChange, app_changes
from telecine_platform.k8s.upgrade_rule import (
    ClusterChange,
    cluster_change,
    differences,
    hashed_differences,
    unhashed_differences,
)

_NO_PRESTOP = (
    "The old pods have no preStop hook: what they still work on when the old cluster is deleted is "
    "cut off, and goes on in the new one from its last checkpoint."
)
_NOT_COMPARED = (
    "KubeRay does not compare these fields (kuberay#2331, kuberay#4568): the running RayCluster "
    "keeps its old values until a new one is built; change them there as well."
)
_SWITCHED_OFF = (
    "upgradeStrategy.type is None: the old cluster stays as it is; delete its RayCluster to get one"
    " of the new spec."
)


class Verdict(StrEnum):
    """The one word for the operator."""

    NOTHING = "nothing changes"
    IN_PLACE = "in place"
    SECOND_CLUSTER = "a second cluster"
    NOT_APPLIED = "not applied"
    FIRST_CLUSTER = "a first cluster"
    END = "the cluster ends"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What becomes of one RayService."""

    name: str
    verdict: Verdict
    because: tuple[str, ...] = ()
    """Paths in `spec` that decide; never values, which may be secret."""
    not_applied: tuple[str, ...] = ()
    """Paths whose change does not reach the running cluster."""
    extra_gpus: int = 0
    """GPUs that are needed besides the present ones, from the start."""
    extra_gpus_at_most: int | None = 0
    """When the queue scales it out; None: no bound is set."""
    extra_for_s: float = 0.0
    """How long both clusters are there, at most."""
    apps: tuple[AppChange, ...] = ()
    """Serve applications that change in the running cluster."""
    drain: Drain | None = None
    """None: no worker is told to end."""
    notes: tuple[str, ...] = ()
    """Traps, in a sentence each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasePreview:
    """What becomes of everything in a release."""

    services: tuple[Preview, ...]
    others: tuple[str, ...]
    """What else changes, as `Deployment/telecine-api changes`."""


def preview_release(
    old: Release, new: Release, *, start_s: float, drain_s: float
) -> ReleasePreview:
    """`start_s`: from a new cluster's creation until it is ready. `drain_s`: how long a replica may
    finish its job, where the manifests do not say.
    """
    services = []
    for name in dict.fromkeys([*old.ray_services, *new.ray_services]):
        before, after = old.ray_services.get(name), new.ray_services.get(name)
        if before is None or after is None:
            services.append(_one_sided(name, before, after))
        else:
            services.append(_compared(name, before["spec"], after["spec"], start_s, drain_s))
    return ReleasePreview(services=tuple(services), others=_other_changes(old.others, new.others))


def _one_sided(name: str, old: Manifest | None, new: Manifest | None) -> Preview:
    if new is None:
        drain = None if old is None else drain_of_end(old["spec"], begins_after_s=0.0)
        return Preview(name=name, verdict=Verdict.END, drain=drain)
    groups = groups_of(new["spec"]["rayClusterConfig"])
    return Preview(
        name=name,
        verdict=Verdict.FIRST_CLUSTER,
        extra_gpus=gpus_at_start(groups),
        extra_gpus_at_most=gpus_at_most(groups),
        notes=_claim_notes(groups),
    )


def _compared(name: str, old: Manifest, new: Manifest, start_s: float, drain_s: float) -> Preview:
    configs = old["rayClusterConfig"], new["rayClusterConfig"]
    match cluster_change(old, new):
        case ClusterChange.NEW_CLUSTER:
            return _second_cluster(name, old, new, start_s)
        case ClusterChange.GROUPS_ADDED:
            return _groups_added(name, old, new, drain_s)
        case ClusterChange.SWITCHED_OFF:
            missed = (*hashed_differences(*configs), *unhashed_differences(*configs))
            return _in_place(name, old, new, drain_s, not_applied=missed, notes=(_SWITCHED_OFF,))
        case ClusterChange.UNHASHED:
            missed = unhashed_differences(*configs)
            return _in_place(name, old, new, drain_s, not_applied=missed, notes=(_NOT_COMPARED,))
        case ClusterChange.NONE:
            return _in_place(name, old, new, drain_s)


def _second_cluster(name: str, old: Manifest, new: Manifest, start_s: float) -> Preview:
    groups = groups_of(new["rayClusterConfig"])
    until_end_s = start_s + traffic_shift_s(new) + deletion_delay_s(new)
    return Preview(
        name=name,
        verdict=Verdict.SECOND_CLUSTER,
        because=hashed_differences(old["rayClusterConfig"], new["rayClusterConfig"]),
        extra_gpus=gpus_at_start(groups),
        extra_gpus_at_most=gpus_at_most(groups),
        extra_for_s=until_end_s + grace_s(old),
        drain=drain_of_end(old, begins_after_s=until_end_s),
        notes=(*_claim_notes(groups), *(() if waits_for_jobs(old) else (_NO_PRESTOP,))),
    )


def _groups_added(name: str, old: Manifest, new: Manifest, drain_s: float) -> Preview:
    """KubeRay writes the whole new spec, over what the autoscaler had asked for."""
    num_old = len(group_specs(old["rayClusterConfig"]))
    groups = groups_of(new["rayClusterConfig"])
    set_back = [
        f"Group {group.name} is set back to {group.start_replicas} replicas until the autoscaler "
        "asks again: add groups while it is idle."
        for group in groups[:num_old]
        if group.max_replicas > group.start_replicas
    ]
    return _in_place(
        name,
        old,
        new,
        drain_s,
        because=hashed_differences(old["rayClusterConfig"], new["rayClusterConfig"]),
        added=groups[num_old:],
        notes=(*_claim_notes(groups[num_old:]), *set_back),
    )


def _in_place(
    name: str,
    old: Manifest,
    new: Manifest,
    drain_s: float,
    *,
    because: tuple[str, ...] = (),
    not_applied: tuple[str, ...] = (),
    added: Sequence[Group] = (),
    notes: tuple[str, ...] = (),
) -> Preview:
    apps = app_changes(old.get("serveConfigV2") or "", new.get("serveConfigV2") or "")
    because = (*because, *differences(_outside(old), _outside(new)))
    verdict = Verdict.IN_PLACE if because or apps else Verdict.NOTHING
    if not_applied and verdict is Verdict.NOTHING:
        verdict = Verdict.NOT_APPLIED
    return Preview(
        name=name,
        verdict=verdict,
        because=because,
        not_applied=not_applied,
        extra_gpus=gpus_at_start(added),
        extra_gpus_at_most=gpus_at_most(added),
        apps=apps,
        drain=drain_of_restart(old, [app.name for app in apps if app.is_drained], drain_s),
        notes=notes,
    )


def _outside(spec: Manifest) -> dict[str, object]:
    """What KubeRay applies to a running service without touching its pods."""
    inside = ("rayClusterConfig", "serveConfigV2")
    return {key: value for key, value in spec.items() if key not in inside}


def _claim_notes(groups: Sequence[Group]) -> tuple[str, ...]:
    return tuple(
        f"Group {group.name} takes its devices from resource claims: they are not counted here."
        for group in groups
        if group.has_claims
    )


def _other_changes(
    old: Mapping[tuple[str, str], Manifest], new: Mapping[tuple[str, str], Manifest]
) -> tuple[str, ...]:
    lines = []
    for key in dict.fromkeys([*old, *new]):
        kind, name = key
        if key not in old or key not in new:
            lines.append(f"{kind}/{name} {'is new' if key in new else 'goes'}")
        elif old[key] != new[key]:
            lines.append(f"{kind}/{name} changes")
    return tuple(lines)
