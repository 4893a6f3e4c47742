"""What a cluster lacks for a release that is installed in it: findings, each with its cure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from telecine_platform.errors import NotFound, TelecineError
from telecine_platform.finding import Finding, Level
from telecine_platform.k8s.client import Cluster
from telecine_platform.k8s.groups import Group, gpus_of_resources, groups_of
from telecine_platform.k8s.manifests import Manifest, environment, group_specs, pod_spec
from telecine_platform.k8s.references import Needs, needs_of_pods
from telecine_platform.k8s.serve_change import settings_of_apps

TESTED_OPERATOR = (1, 7)
"""KubeRay's version that our rules were read from."""
OLDEST_OPERATOR = (1, 4)
"""The first with `rayClusterDeletionDelaySeconds`: before, an upgrade cut off running jobs."""
_OPERATOR = "app.kubernetes.io/name=kuberay-operator"
_IDENTITIES = ("eks.amazonaws.com/role-arn", "iam.gke.io/gcp-service-account")


def check_cluster(
    cluster: Cluster, name: str, check_bucket: Callable[[str], None]
) -> list[Finding]:
    """Look at everything the release `name` stands on. Changes nothing.

    `check_bucket` tries a storage URL with this machine's own credentials and raises.
    """
    findings = [check_operator(cluster)]
    service = cluster.ray_service(name)
    config = service["spec"]["rayClusterConfig"]
    pods = [pod_spec(group) for group in (config["headGroupSpec"], *group_specs(config))]
    apis = cluster.deployments(f"app.kubernetes.io/instance={_instance(service)}")
    pods += [pod_spec(deployment["spec"]) for deployment in apis]
    needs = needs_of_pods(pods)
    findings += [check_group(group, pod, cluster.nodes()) for group, pod in _gpu_groups(config)]
    findings += _check_volumes(cluster, needs)
    findings += _check_secrets(cluster, needs)
    findings += _check_storage(cluster, needs, _storage_url(service["spec"]), check_bucket)
    return findings


def check_operator(cluster: Cluster) -> Finding:
    """By the tag of its image."""
    what, cure = (
        "KubeRay operator",
        "helm upgrade --install kuberay-operator kuberay/kuberay-operator",
    )
    images = [
        str(container["image"])
        for deployment in cluster.all_deployments(_OPERATOR)
        for container in pod_spec(deployment["spec"]).get("containers") or []
    ]
    if not images:
        return Finding(what=what, level="missing", found="no deployment of it", cure=cure)
    match = re.search(r":v?(\d+)\.(\d+)", images[0])
    if match is None:
        note = f"its version cannot be told; ours was read from {_shown(TESTED_OPERATOR)}"
        return Finding(what=what, level="note", found=images[0], cure=note)
    found = int(match[1]), int(match[2])
    if found < OLDEST_OPERATOR:
        cure = f"{cure}: before {_shown(OLDEST_OPERATOR)} an upgrade cuts off running jobs"
        return Finding(what=what, level="missing", found=_shown(found), cure=cure)
    if found < TESTED_OPERATOR:
        cure = f"`telecine upgrade preview` follows the rules of {_shown(TESTED_OPERATOR)}"
        return Finding(what=what, level="note", found=_shown(found), cure=cure)
    return Finding(what=what, level="ok", found=_shown(found))


def check_group(group: Group, pod: Manifest, nodes: Sequence[Manifest]) -> Finding:
    """Whether one replica of the group fits on the nodes that are there now."""
    what = f"GPU nodes for {group.name}"
    selector = pod.get("nodeSelector") or {}
    fitting = [node for node in nodes if _fits(node, selector, group.gpus_per_host)]
    found = f"{len(fitting)} nodes with {group.gpus_per_host} GPUs or more"
    if len(fitting) >= group.hosts:
        return Finding(what=what, level="ok", found=found)
    cure = f"a replica takes {group.hosts}: fine if the node group scales up from here"
    if not any(gpus_of_resources(_allocatable(node)) for node in nodes):
        cure += "; if not, is the device plugin installed?"
    return Finding(what=what, level="note", found=found, cure=cure)


def _check_volumes(cluster: Cluster, needs: Needs) -> Iterator[Finding]:
    for name in needs.volume_claims:
        what = f"volume claim {name}"
        try:
            phase = (cluster.volume_claim(name).get("status") or {}).get("phase", "unknown")
        except NotFound:
            yield Finding(what=what, level="missing", found="not there", cure="create it first")
            continue
        level: Level = "ok" if phase == "Bound" else "note"
        cure = "" if phase == "Bound" else "it binds with its first pod, if its class says so"
        yield Finding(what=what, level=level, found=phase, cure=cure)
    classes = cluster.storage_classes()
    default = [each["metadata"]["name"] for each in classes if _is_default(each)]
    names = ", ".join(default) or f"{len(classes)} classes, none is the default"
    is_fine = bool(default) or not needs.volume_claims
    cure = "" if is_fine else "name a class in the values"
    yield Finding(what="storage class", level="ok" if is_fine else "note", found=names, cure=cure)


def _check_secrets(cluster: Cluster, needs: Needs) -> Iterator[Finding]:
    for name, keys in needs.secrets.items():
        what = f"secret {name}"
        try:
            known = set(cluster.secret(name).get("data") or {})
        except NotFound:
            cure = f"kubectl create secret generic {name}" + "".join(
                f" --from-file={key}" for key in sorted(keys)
            )
            yield Finding(what=what, level="missing", found="not there", cure=cure)
            continue
        if lacking := sorted(keys - known):
            found = f"without {', '.join(lacking)}"
            yield Finding(what=what, level="missing", found=found, cure="add these keys to it")
        else:
            yield Finding(what=what, level="ok", found=f"{len(known)} keys")


def _check_storage(
    cluster: Cluster, needs: Needs, url: str, check_bucket: Callable[[str], None]
) -> Iterator[Finding]:
    """The bucket from here, and who the pods are when they ask for it."""
    if not url.startswith("s3://"):
        cure = "pods on several nodes want a bucket: set storage.url to s3://bucket/prefix"
        yield Finding(what="bucket", level="note", found=url or "no storage URL", cure=cure)
        return
    try:
        check_bucket(url)
        yield Finding(what="bucket", level="ok", found=f"{url} answers this machine")
    except TelecineError as error:
        cure = "with this machine's credentials; the pods have their own"
        yield Finding(what="bucket", level="note", found=str(error), cure=cure)
    for account in needs.service_accounts:
        yield _check_account(cluster, account, has_keys="AWS_ACCESS_KEY_ID" in needs.variables)


def _check_account(cluster: Cluster, name: str, *, has_keys: bool) -> Finding:
    what = f"service account {name}"
    try:
        metadata = cluster.service_account(name).get("metadata") or {}
    except NotFound:
        return Finding(
            what=what, level="missing", found="not there", cure="is the chart installed?"
        )
    identity = [key for key in _IDENTITIES if key in (metadata.get("annotations") or {})]
    if identity or has_keys:
        return Finding(what=what, level="ok", found=identity[0] if identity else "access keys")
    cure = "annotate it with a role, or give the pods AWS_ACCESS_KEY_ID from a secret"
    return Finding(what=what, level="note", found="no cloud identity of its own", cure=cure)


def _storage_url(spec: Manifest) -> str:
    by_args = settings_of_apps(spec.get("serveConfigV2") or "")
    by_env = environment(spec["rayClusterConfig"])
    return str(by_args.get("storage_url") or by_env.get("TELECINE_STORAGE_URL", ""))


def _gpu_groups(config: Manifest) -> list[tuple[Group, Manifest]]:
    pairs = zip(groups_of(config), map(pod_spec, group_specs(config)), strict=True)
    return [(group, pod) for group, pod in pairs if group.gpus_per_host]


def _instance(service: Manifest) -> str:
    labels = service["metadata"].get("labels") or {}
    return str(labels.get("app.kubernetes.io/instance", service["metadata"]["name"]))


def _fits(node: Manifest, selector: Manifest, num_gpus: int) -> bool:
    labels = node["metadata"].get("labels") or {}
    is_closed = bool((node.get("spec") or {}).get("unschedulable"))
    return (
        not is_closed
        and all(labels.get(key) == value for key, value in selector.items())
        and gpus_of_resources(_allocatable(node)) >= num_gpus
    )


def _allocatable(node: Manifest) -> Manifest:
    amounts: Manifest = (node.get("status") or {}).get("allocatable") or {}
    return amounts


def _is_default(storage_class: Manifest) -> bool:
    annotations = storage_class["metadata"].get("annotations") or {}
    return annotations.get("storageclass.kubernetes.io/is-default-class") == "true"


def _shown(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
