"""Value sets that somebody could install, drawn from a seed: every switch in every position."""

from __future__ import annotations

import random
from typing import Any

from tests.helm.chart import Document, profile

WAN, SMALL = "wan2.1-t2v-14b", "wan2.2-ti2v-5b"
_GANGS: list[tuple[int, int, dict[str, int]]] = [
    (1, 8, {}),
    (2, 8, {"cfg": 2, "sp": 2, "tp": 4}),
    (2, 4, {"cfg": 2, "sp": 1, "tp": 4}),
    (1, 4, {"cfg": 2, "sp": 2, "tp": 1}),
    (1, 1, {}),
    (4, 2, {"cfg": 1, "sp": 4, "tp": 2}),
]
"""(hosts, GPUs of each, axes): legal for 40 heads."""


def value_set(seed: int) -> Document:
    """The same seed gives the same values."""
    draw = random.Random(seed)
    is_gpu = draw.random() < 0.7
    changes: list[dict[str, Any]] = [_common(draw)]
    changes += [_gpu(draw)] if is_gpu else []
    return profile("gpu" if is_gpu else "cpu-demo", *changes)


def _common(draw: random.Random) -> dict[str, Any]:
    seconds = draw.choice([60, 600, 3600])
    gang = draw.choice(["none", "kueue", "volcano", "yunikorn", "kai"])
    tolerations = [{"key": "pool", "operator": "Equal", "value": "a", "effect": "NoSchedule"}]
    place = {"nodeSelector": {"pool": "a"}, "tolerations": tolerations}
    collector = {"enabled": True, "exportTo": "https://traces.example.org"}
    return {
        "limits": {
            "maxJobSeconds": seconds,
            "drainSeconds": seconds + 30,
            "graceSeconds": seconds + 60,
            "clusterDeletionDelaySeconds": seconds + draw.choice([30, 600]),
        },
        "settings": draw.choice(
            [{}, {"max_body_bytes": 33554432, "lease_s": 22.5, "region": "EU"}]
        ),
        "images": {
            "api": {"digest": draw.choice(["", "sha256:" + "a" * 64])},
            "pullSecrets": draw.choice([[], ["registry"]]),
        },
        "serviceAccount": draw.choice(
            [
                {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/telecine"}},
                {"create": False, "name": "mine"},
                {"annotations": {"iam.gke.io/gcp-service-account": "t@p.iam.gserviceaccount.com"}},
            ]
        ),
        "api": {
            "autoscaling": {"enabled": draw.random() < 0.5},
            **draw.choice([{}, place]),
            "podAnnotations": draw.choice([{}, {"team": "video"}]),
        },
        "ray": {
            "auth": draw.choice(
                [{}, {"existingSecret": "ray-token"}, {"mode": "disabled"}],
            ),
            "autoscaler": {"enabled": gang != "kueue" and draw.random() < 0.7},
            "head": draw.choice([{}, {**place, "pdbMinAvailable": 1}]),
            "redis": draw.choice([{}, {"address": "redis:6379", "existingSecret": "redis"}]),
        },
        "upgrade": {"strategy": draw.choice(["NewCluster", "None"])},
        "screening": draw.choice([{}, {**place, "priorityClassName": "video"}]),
        "scheduling": {
            "gang": gang,
            "queue": draw.choice(["gpus", "gpus"]) if gang != "none" else "",
            "topologyKey": draw.choice(["", "topology.kubernetes.io/rack"]),
            "spread": draw.random() < 0.5,
        },
        "networkPolicy": {
            "enabled": True,
            "separateStages": draw.random() < 0.7,
            "edgeNamespace": draw.choice(["", "ingress-nginx"]),
            "monitoringNamespace": draw.choice(["", "monitoring"]),
            "webhooks": draw.random() < 0.5,
            "metadata": draw.random() < 0.3,
        },
        "metrics": {"podMonitors": draw.random() < 0.5, "labels": {"release": "prometheus"}},
        "alerts": {"enabled": draw.random() < 0.5, "runbookUrl": "https://runbooks.example.org/"},
        "dashboards": {"enabled": draw.random() < 0.5},
        "otel": draw.choice(
            [{}, {"endpoint": "http://otel.example.org:4318/v1/traces"}, {"collector": collector}]
        ),
        "extraObjects": draw.choice(
            [
                [],
                [{
                    "apiVersion": "v1",
                    "kind": "ConfigMap",
                    "metadata": {"name": "{{ .Release.Name }}-extra"},
                    "data": {"a": "b"},
                }],
            ]
        ),
    }  # fmt: skip


def _gpu(draw: random.Random) -> dict[str, Any]:
    hosts, gpus, parallel = draw.choice(_GANGS)
    cache: dict[str, Any] = draw.choice(
        [
            {"type": "emptyDir"},
            {"type": "ephemeral", "storageClassName": "local-nvme"},
            {"type": "pvc", "existingClaim": "weights", "prefetchJob": draw.random() < 0.5},
            {"type": "hostPath", "allowHostPath": True},
        ]
    )
    group = {
        "hosts": hosts,
        "gpusPerHost": gpus,
        "ranks": draw.choice([0, hosts * gpus]),
        "parallel": draw.choice([parallel, {}]) or {},
        "gangs": {"min": draw.choice([0, 1, 2]), "max": draw.choice([2, 8])},
        "weights": {"cache": cache},
        "dra": draw.choice(
            [{}, {"enabled": True}, {"enabled": True, "existingClaimTemplate": "gpus"}]
        ),
        "extraResources": draw.choice([{}, {"vpc.amazonaws.com/efa": 4}]),
        "extraEnv": draw.choice([[], [{"name": "NCCL_DEBUG", "value": "WARN"}]]),
        "runtimeClassName": draw.choice(["", "nvidia"]),
    }
    edge: dict[str, Any] = draw.choice(
        [
            {},
            {"ingress": {"enabled": False}},
            {"ingress": {"enabled": True, "annotations": {"a.b/c": "d"}}},
            {
                "ingress": {"enabled": False},
                "gateway": {"enabled": True, "parentRefs": [{"name": "public"}]},
            },
            {"tls": {"existingSecret": "", "allowPlain": True}},
        ]
    )
    files = {"policy_file": {"existingConfigMap": "policy", "key": "policy.yaml",
                             "parts": ["api", "screening", "moderation"]}}  # fmt: skip
    models = {WAN: group, **draw.choice([{}, {SMALL: _small(draw)}])}
    return {
        "generation": {"models": models, "defaultModel": draw.choice(list(models))},
        "edge": edge,
        "files": draw.choice([{}, files]),
        "storage": draw.choice(
            [{}, {"endpointUrl": "https://s3.example.org", "existingSecret": "s3-keys"}]
        ),
        "database": {"migrate": draw.choice(["job", "initContainer"])},
        "moderation": draw.choice([{}, {"gpus": 1, "replicasPerPod": 2, "pdbMinAvailable": 0}]),
        "tests": {"apiKeySecret": draw.choice(["", "smoke-key"])},
        "loadTest": {
            "enabled": draw.random() < 0.3,
            "apiKeySecret": "smoke-key",
            "report": draw.choice(["bucket", "log"]),
            **draw.choice([{}, {"ratesPerMinute": [2, 0.5], "goodput": 0.9, "sizes": ["832x480"]}]),
        },
    }


def _small(draw: random.Random) -> dict[str, Any]:
    """Another model beside the first one."""
    cache = {"type": "pvc", "existingClaim": "small-weights", "prefetchJob": draw.random() < 0.5}
    return {
        "gpusPerHost": draw.choice([1, 2, 4]),
        "gangs": {"min": 2, "max": 3},
        "pdbMinAvailable": draw.choice([0, 1]),
        "weights": {"source": f"s3://bucket/models/{SMALL}", "cache": cache},
        "dra": draw.choice([{}, {"enabled": True}]),
    }
