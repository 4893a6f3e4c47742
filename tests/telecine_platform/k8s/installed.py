"""The sample release as a cluster has it after KubeRay has worked on it."""

from __future__ import annotations

from typing import Any

from tests.kubernetes_api import KubernetesApi
from tests.telecine_platform.k8s.releases import Spec, ray_service


def install(api: KubernetesApi) -> None:
    """Operator, release, one gang of two hosts, nodes for it, and all that the pods refer to."""
    api.put(deployment("kuberay-operator", "kuberay/operator:v1.7.0"), namespace="kuberay")
    api.put(
        service(),
        ray_cluster("telecine-abcde"),
        *(worker_pod(f"gen-{host}", "generation", replica="gen-x") for host in (0, 1)),
        worker_pod("screen-0", "screening"),
        worker_pod("moderate-0", "moderation"),
        *(node(f"gpu-{number}", gpus=8) for number in (0, 1)),
        node("cpu-0", gpus=0),
        storage_class("gp3", is_default=True),
        secret("database", "url"),
        secret("api-keys", "keys.yaml"),
        claim("weights", "Bound"),
        account("telecine-worker", {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/telecine"}),
    )


def service(**status: object) -> Spec:
    apps = {
        stage: {"status": "RUNNING", "serveDeploymentStatuses": {}}
        for stage in ("screening", "generation", "moderation")
    }
    active = {
        "rayClusterName": "telecine-abcde",
        "rayClusterStatus": {"state": "ready"},
        "applicationStatuses": apps,
    }
    return ray_service() | {
        "status": {
            "serviceStatus": "Running",
            "conditions": [
                {"type": "Ready", "status": "True"},
                {"type": "UpgradeInProgress", "status": "False"},
            ],
            "activeServiceStatus": active,
        }
        | status
    }


def ray_cluster(name: str) -> Spec:
    return {
        "apiVersion": "ray.io/v1",
        "kind": "RayCluster",
        "metadata": {"name": name},
        "spec": ray_service()["spec"]["rayClusterConfig"],
    }


def worker_pod(name: str, group: str, *, replica: str = "", phase: str = "Running") -> Spec:
    labels = {
        "ray.io/cluster": "telecine-abcde",
        "ray.io/node-type": "worker",
        "ray.io/group": group,
    } | ({"ray.io/worker-group-replica-name": replica} if replica else {})
    return _object("v1", "Pod", name, labels=labels) | {"status": {"phase": phase}}


def node(name: str, *, gpus: int) -> Spec:
    allocatable = {"cpu": "64"} | ({"nvidia.com/gpu": str(gpus)} if gpus else {})
    labels = {"pool": "gpu" if gpus else "cpu"}
    return _object("v1", "Node", name, labels=labels) | {"status": {"allocatable": allocatable}}


def storage_class(name: str, *, is_default: bool) -> Spec:
    marks = {"storageclass.kubernetes.io/is-default-class": "true"} if is_default else {}
    return _object("storage.k8s.io/v1", "StorageClass", name, annotations=marks)


def secret(name: str, *keys: str) -> Spec:
    return _object("v1", "Secret", name) | {"data": dict.fromkeys(keys, "aHVudGVyMg==")}


def claim(name: str, phase: str) -> Spec:
    return _object("v1", "PersistentVolumeClaim", name) | {"status": {"phase": phase}}


def account(name: str, annotations: dict[str, str]) -> Spec:
    return _object("v1", "ServiceAccount", name, annotations=annotations)


def deployment(name: str, image: str) -> Spec:
    template = {"spec": {"containers": [{"name": name, "image": image}]}}
    labels = {"app.kubernetes.io/name": name}
    return _object("apps/v1", "Deployment", name, labels=labels) | {"spec": {"template": template}}


def _object(api_version: str, kind: str, name: str, **metadata: Any) -> Spec:  # Any: labels, ...
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": name, **metadata},
    }
