"""KubeRay's own checks, which its CRD does not hold: what its operator would refuse or undo.

Source: kuberay v1.7.0, `ray-operator/controllers/ray/utils/validation.go` and `common/`; ported,
not copied.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from telecine_serve.gang.placement import gang_bundles
from tests.helm.chart import Document, one

MAX_NAME = 47


def refusals(documents: Sequence[Document]) -> list[str]:
    service = one(documents, "RayService")
    cluster = service["spec"]["rayClusterConfig"]
    return [
        *_service(service),
        *_cluster(cluster),
        *(line for group in cluster["workerGroupSpecs"] for line in _group(cluster, group)),
        *_serve(service, cluster),
    ]


def _service(service: Document) -> Iterator[str]:
    if len(service["metadata"]["name"]) > MAX_NAME:
        yield "the name is too long"
    if service["spec"]["upgradeStrategy"]["type"] not in ("NewCluster", "None"):
        yield "an incremental upgrade needs a Gateway class, and traffic that can be shifted"


def _cluster(cluster: Document) -> Iterator[str]:
    if cluster["authOptions"].get("enableK8sTokenAuth"):
        yield "Kubernetes tokens are not supported for a RayService"
    if cluster["authOptions"]["mode"] == "disabled" and "secretName" in cluster["authOptions"]:
        yield "a token although authentication is off"
    head = cluster["headGroupSpec"]
    if head["resources"] != {"CPU": "0"} or "num-cpus" in head["rayStartParams"]:
        yield "the head would run a stage, or its resources are set twice"
    if head["enableIngress"] or head["serviceType"] != "ClusterIP":
        yield "the dashboard would be reachable"
    names = [group["groupName"] for group in cluster["workerGroupSpecs"]]
    if len(set(names)) != len(names):
        yield "two groups have one name"


def _group(cluster: Document, group: Document) -> Iterator[str]:
    name = group["groupName"]
    is_autoscaled = cluster["enableInTreeAutoscaling"]
    if not 0 <= group["minReplicas"] <= group["maxReplicas"] or group["maxReplicas"] < 1:
        yield f"{name}: replicas {group['minReplicas']} to {group['maxReplicas']}"
    if is_autoscaled and "replicas" in group:
        yield f"{name}: a fixed number that GitOps would fight the autoscaler over"
    if not is_autoscaled and group.get("replicas") != group["maxReplicas"]:
        yield f"{name}: nobody would scale it up"
    if "idleTimeoutSeconds" in group and not is_autoscaled:
        yield f"{name}: idleTimeoutSeconds needs autoscaler v2"
    if group["resources"] and group["rayStartParams"]:
        yield f"{name}: resources are set twice"
    template = group["template"]["spec"]
    if template.get("restartPolicy") != "Never":
        yield f"{name}: autoscaler v2 wants restartPolicy Never"
    ray = template["containers"][0]
    if "readinessProbe" not in ray:
        yield f"{name}: KubeRay would ask for Serve's proxy, which is off"
    held = {variable["name"] for variable in ray["env"]}
    if held & {"RAY_AUTH_MODE", "RAY_AUTH_TOKEN"}:
        yield f"{name}: the operator sets Ray's token itself"


def _serve(service: Document, cluster: Document) -> Iterator[str]:
    """Serve takes the config, and each application finds a group that offers what it asks for."""
    config = yaml.safe_load(service["spec"]["serveConfigV2"])
    for application in checked_by_serve(config).applications:
        stage, args = application.import_path.split(":")[1], application.args
        (mark,) = args["resources"]
        groups = [group for group in cluster["workerGroupSpecs"] if mark in group["resources"]]
        if len(groups) != 1:
            yield f"{application.name}: {len(groups)} groups offer {mark}"
            continue
        (group,) = groups
        settings = args["settings"]
        most = int(settings[f"{stage}_max_replicas"])
        if stage == "generation":
            yield from _gang(group, args["resources"], settings)
            if group["maxReplicas"] != most:
                yield f"{application.name}: {group['maxReplicas']} groups for {most} gangs"
        elif group["maxReplicas"] * int(group["resources"][mark]) < most:
            yield f"{stage}: {most} replicas do not fit"


def checked_by_serve(config: Document) -> Any:  # Any: Ray ships no types
    """The config as Serve's own schema reads it, or its error."""
    with warnings.catch_warnings():  # Ray's own use of pydantic
        warnings.simplefilter("ignore")
        from ray.serve.schema import ServeDeploySchema
    return ServeDeploySchema.model_validate(config)


def _gang(group: Document, mark: dict[str, float], settings: Document) -> Iterator[str]:
    """The bundles of the very code fit into one replica of the group."""
    bundles = gang_bundles(int(settings["num_ranks"]), settings["rank_device"], mark)
    for resource in {name for bundle in bundles for name in bundle}:
        needed = sum(bundle.get(resource, 0.0) for bundle in bundles)
        offered = float(group["resources"].get(resource, 0)) * group["numOfHosts"]
        if needed > offered:
            yield f"generation: {needed} {resource}, but the group has {offered}"
