"""A small release like the chart's, as mappings, for tests to change one thing in."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import yaml

Spec = dict[str, Any]  # Any: a manifest

JOB_S = 600


def ray_service(name: str = "telecine") -> Spec:
    """Screening on CPUs, generation on gangs of 2 hosts x 8 GPUs, moderation on 1 GPU."""
    return {
        "apiVersion": "ray.io/v1",
        "kind": "RayService",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/instance": name}},
        "spec": {
            "rayClusterDeletionDelaySeconds": 900,
            "serveConfigV2": yaml.safe_dump(serve_config()),
            "rayClusterConfig": {
                "rayVersion": "2.60.0",
                "enableInTreeAutoscaling": True,
                "headGroupSpec": {"rayStartParams": {"num-cpus": "0"}, "template": _pod(0)},
                "workerGroupSpecs": [
                    group("screening", gpus=0, minimum=1, maximum=8),
                    group("generation", gpus=8, minimum=1, maximum=4, hosts=2),
                    group("moderation", gpus=1, minimum=1, maximum=4),
                ],
            },
        },
    }


def serve_config() -> Spec:
    return {
        "applications": [
            {
                "name": stage,
                "import_path": f"telecine_serve.apps.build:{stage}",
                "args": {"settings": {"drain_s": JOB_S + 60}},
            }
            for stage in ("screening", "generation", "moderation")
        ]
    }


def group(name: str, *, gpus: int, minimum: int, maximum: int, hosts: int = 1) -> Spec:
    return {
        "groupName": name,
        "minReplicas": minimum,
        "maxReplicas": maximum,
        "numOfHosts": hosts,
        "rayStartParams": {},
        "template": _pod(gpus),
    }


def changed(change: Callable[[Spec], object], service: Spec | None = None) -> Spec:
    """The release's RayService after one change to its `spec`."""
    after = copy.deepcopy(service or ray_service())
    change(after["spec"])
    return after


def worker(spec: Spec, name: str) -> Spec:
    groups = spec["rayClusterConfig"]["workerGroupSpecs"]
    return next(each for each in groups if each["groupName"] == name)


def pod(spec: Spec, name: str = "generation") -> Spec:
    found: Spec = worker(spec, name)["template"]["spec"]
    return found


def change_app(spec: Spec, app_name: str, /, **changes: object) -> None:
    config = yaml.safe_load(spec["serveConfigV2"])
    app = next(each for each in config["applications"] if each["name"] == app_name)
    app.update(changes)
    spec["serveConfigV2"] = yaml.safe_dump(config)


def _pod(gpus: int) -> Spec:
    limits = {"cpu": 8, "memory": "64Gi"} | ({"nvidia.com/gpu": gpus} if gpus else {})
    return {
        "metadata": {"labels": {"app.kubernetes.io/part-of": "telecine"}},
        "spec": {
            "serviceAccountName": "telecine-worker",
            "terminationGracePeriodSeconds": JOB_S + 120,
            "nodeSelector": {"pool": "gpu"} if gpus else {},
            "containers": [
                {
                    "name": "ray",
                    "image": "registry.example.org/telecine-worker@sha256:" + 64 * "a",
                    "resources": {"limits": limits},
                    "lifecycle": {"preStop": {"exec": {"command": ["telecine-drain"]}}},
                    "env": [
                        {"name": "TELECINE_STORAGE_URL", "value": "s3://clips/telecine"},
                        {
                            "name": "TELECINE_DATABASE_URL",
                            "valueFrom": {"secretKeyRef": {"name": "database", "key": "url"}},
                        },
                    ],
                }
            ],
            "volumes": [
                {"name": "weights", "persistentVolumeClaim": {"claimName": "weights"}},
                {"name": "keys", "secret": {"secretName": "api-keys"}},
            ],
        },
    }
