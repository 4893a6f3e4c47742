"""What a cluster lacks is found, and only that."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from telecine_platform.errors import StorageUnavailable
from telecine_platform.finding import Finding
from telecine_platform.k8s.checkup import check_cluster, check_operator
from telecine_platform.k8s.client import Cluster
from tests.kubernetes_api import KubernetesApi
from tests.telecine_platform.k8s import installed
from tests.telecine_platform.k8s.releases import Spec, change_app


def _answers(url: str) -> None:
    assert url == "s3://clips/telecine"


def findings(cluster: Cluster) -> dict[str, Finding]:
    return {each.what: each for each in check_cluster(cluster, "telecine", _answers)}


def test_a_whole_cluster_has_nothing_missing(cluster: Cluster) -> None:
    found = findings(cluster)
    assert {each.level for each in found.values()} == {"ok"}
    assert list(found) == [
        "KubeRay operator",
        "GPU nodes for generation",
        "GPU nodes for moderation",
        "volume claim weights",
        "storage class",
        "secret api-keys",
        "secret database",
        "bucket",
        "service account telecine-worker",
    ]
    assert "hunter2" not in repr(found)
    assert "aHVudGVyMg" not in repr(found)


def _cordoned() -> Spec:
    return installed.node("gpu-1", gpus=8) | {"spec": {"unschedulable": True}}


LACKS: dict[str, tuple[Callable[[KubernetesApi], object], str, str, str]] = {
    "a secret": (
        lambda api: api.drop("Secret", "database"),
        "secret database", "missing", "--from-file=url",
    ),
    "a key in a secret": (
        lambda api: api.put(installed.secret("database", "password")),
        "secret database", "missing", "add these keys",
    ),
    "a volume claim": (
        lambda api: api.drop("PersistentVolumeClaim", "weights"),
        "volume claim weights", "missing", "create it",
    ),
    "a volume": (
        lambda api: api.put(installed.claim("weights", "Pending")),
        "volume claim weights", "note", "binds with its first pod",
    ),
    "a default storage class": (
        lambda api: api.put(installed.storage_class("gp3", is_default=False)),
        "storage class", "note", "name a class",
    ),
    "an identity": (
        lambda api: api.put(installed.account("telecine-worker", {})),
        "service account telecine-worker", "note", "annotate it",
    ),
    "a service account": (
        lambda api: api.drop("ServiceAccount", "telecine-worker"),
        "service account telecine-worker", "missing", "installed",
    ),
    "a node for the second host": (
        lambda api: api.put(_cordoned()),
        "GPU nodes for generation", "note", "a replica takes 2",
    ),
    "a device plugin": (
        lambda api: api.put(*(installed.node(f"gpu-{n}", gpus=0) for n in (0, 1))),
        "GPU nodes for generation", "note", "device plugin",
    ),
}  # fmt: skip


@pytest.mark.parametrize("lack", LACKS)
def test_a_cluster_without(lack: str, api: KubernetesApi, cluster: Cluster) -> None:
    take_away, what, level, cure = LACKS[lack]
    take_away(api)
    found = findings(cluster)
    assert found[what].level == level
    assert cure in found[what].cure


@pytest.mark.parametrize(
    ("image", "level"),
    [
        ("quay.io/kuberay/operator:v1.7.1", "ok"),
        ("quay.io/kuberay/operator:v1.5.0", "note"),
        ("quay.io/kuberay/operator:v1.3.2", "missing"),
        ("quay.io/kuberay/operator@sha256:abc", "note"),
    ],
)
def test_the_operators_version_is_told_from_its_image(
    image: str, level: str, api: KubernetesApi, cluster: Cluster
) -> None:
    api.put(installed.deployment("kuberay-operator", image), namespace="kuberay")
    assert check_operator(cluster).level == level


def test_a_cluster_without_the_operator_is_told_how_to_get_it(
    api: KubernetesApi, cluster: Cluster
) -> None:
    bare = {"metadata": {"name": "kuberay-operator"}}
    unlabelled = installed.deployment("other", "other:1") | bare
    api.put(unlabelled, namespace="kuberay")
    found = check_operator(cluster)
    assert (found.level, found.found) == ("missing", "no deployment of it")
    assert "helm upgrade --install kuberay-operator" in found.cure


def test_a_bucket_that_does_not_answer_is_a_note(cluster: Cluster) -> None:
    def away(url: str) -> None:
        raise StorageUnavailable(f"{url} does not answer")

    found = {each.what: each for each in check_cluster(cluster, "telecine", away)}
    assert (found["bucket"].level, found["bucket"].found) == (
        "note",
        "s3://clips/telecine does not answer",
    )


def test_a_local_folder_is_no_home_for_several_nodes(api: KubernetesApi, cluster: Cluster) -> None:
    local = installed.service()
    change_app(local["spec"], "generation", args={"settings": {"storage_url": "file:///data"}})
    api.put(local)
    found = findings(cluster)["bucket"]
    assert (found.level, found.found) == ("note", "file:///data")
