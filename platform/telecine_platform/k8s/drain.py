"""Whose jobs an upgrade ends, when, and how long each may still take. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from telecine_platform.k8s.manifests import Manifest, environment, group_specs, pod_spec
from telecine_platform.k8s.serve_change import apps_of
from telecine_platform.scheduling.forecast import RunningJob, running_left_s

DELETION_DELAY_S = 60.0
"""KubeRay's default between the switch and the end of the old cluster."""
GRACE_S = 30.0
"""Kubernetes' default between SIGTERM and SIGKILL."""
_FULL_PERCENT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """When workers are told to end, and what they may still do then."""

    apps: tuple[str, ...]
    makes_clips: bool
    """Generation is among the applications."""
    begins_after_s: float
    """From the upgrade until the first worker is told to end; until then all go on as usual."""
    at_most_s: float
    """How long a worker may finish its job then. What takes longer is cut off, and goes on
    elsewhere from its last checkpoint."""


class Fate(StrEnum):
    """What becomes of a running job."""

    UNTOUCHED = "ends before"
    DRAINED = "is waited for"
    CUT = "is cut off"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFate:
    """One job that a gang works on now."""

    job_id: str
    left_s: float
    """What it still needs, by its price and its progress."""
    fate: Fate
    waited_for_s: float
    """How long the upgrade waits for it."""


def fates_of(
    running: Sequence[RunningJob], drain: Drain | None, *, num_gpus: int, now: datetime
) -> tuple[JobFate, ...]:
    """What becomes of the clips that are being made; `num_gpus` is for jobs that do not say how
    many their gang has.
    """
    if drain is None or not drain.makes_clips:
        return ()
    fates = []
    for job in running:
        left_s = running_left_s(job, job.num_gpus or num_gpus, now)
        waited_s = max(0.0, left_s - drain.begins_after_s)
        fate = Fate.UNTOUCHED if waited_s == 0 else Fate.DRAINED
        if waited_s > drain.at_most_s:
            fate, waited_s = Fate.CUT, drain.at_most_s
        fates.append(JobFate(job_id=job.id, left_s=left_s, fate=fate, waited_for_s=waited_s))
    return tuple(sorted(fates, key=lambda fate: -fate.left_s))


def drain_of_restart(spec: Manifest, apps: Sequence[str], drain_s: float) -> Drain | None:
    """Serve restarts these applications in the cluster of `spec`; None: there are none.

    The bound is the deployment's own option, else the setting that `apps/build.py` gives to Serve:
    from the application's args, the pods' environment, or `drain_s`.
    """
    if not apps:
        return None
    bounds_s = []
    set_by_pods = environment(spec["rayClusterConfig"]).get("TELECINE_DRAIN_S", drain_s)
    for name in apps:
        app = apps_of(spec.get("serveConfigV2") or "")[name]
        set_by_args = ((app.get("args") or {}).get("settings") or {}).get("drain_s", set_by_pods)
        bounds_s.append(float(set_by_args))
        for deployment in app.get("deployments") or []:
            bounds_s.append(float(deployment.get("graceful_shutdown_timeout_s", 0.0)))
    return _drain(spec, apps, begins_after_s=0.0, at_most_s=max(bounds_s))


def drain_of_end(spec: Manifest, begins_after_s: float) -> Drain:
    """The cluster of `spec` is deleted after so long."""
    apps = tuple(apps_of(spec.get("serveConfigV2") or ""))
    at_most_s = grace_s(spec) if waits_for_jobs(spec) else 0.0
    return _drain(spec, apps, begins_after_s=begins_after_s, at_most_s=at_most_s)


def deletion_delay_s(spec: Manifest) -> float:
    """How long KubeRay keeps the old cluster after the switch."""
    delay_s = spec.get("rayClusterDeletionDelaySeconds")
    return DELETION_DELAY_S if delay_s is None else float(delay_s)


def traffic_shift_s(spec: Manifest) -> float:
    """How long an incremental upgrade moves traffic in steps; 0 for all others."""
    options = (spec.get("upgradeStrategy") or {}).get("clusterUpgradeOptions")
    if not options:
        return 0.0
    num_steps = -(-_FULL_PERCENT // int(options["stepSizePercent"]))
    return float(num_steps * options["intervalSeconds"])


def grace_s(spec: Manifest) -> float:
    """The longest that a worker pod of the cluster may take to end."""
    pods = [pod_spec(group) for group in group_specs(spec["rayClusterConfig"])]
    return max(
        (float(pod.get("terminationGracePeriodSeconds", GRACE_S)) for pod in pods), default=0
    )


def waits_for_jobs(spec: Manifest) -> bool:
    """Whether every worker pod has a preStop hook, in which it can finish its job."""
    return all(
        any((each.get("lifecycle") or {}).get("preStop") for each in pod.get("containers") or [])
        for pod in map(pod_spec, group_specs(spec["rayClusterConfig"]))
    )


def _drain(
    spec: Manifest, apps: Sequence[str], *, begins_after_s: float, at_most_s: float
) -> Drain:
    known = apps_of(spec.get("serveConfigV2") or "")
    paths = [str(known[name].get("import_path", "")) for name in apps]
    return Drain(
        apps=tuple(apps),
        makes_clips=any(path.endswith(":generation") for path in paths),
        begins_after_s=begins_after_s,
        at_most_s=at_most_s,
    )
