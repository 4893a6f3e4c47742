"""The official client against an emulated API, and against none."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from telecine_platform.errors import ClusterUnavailable, NotFound, SettingsError
from telecine_platform.k8s.client import Cluster, open_cluster
from tests.kubernetes_api import KubernetesApi


def test_the_contexts_namespace_is_ours_unless_another_is_named(api: KubernetesApi) -> None:
    assert open_cluster(namespace=None, kubeconfig=api.kubeconfig).namespace == "video"
    assert open_cluster(namespace="other", kubeconfig=api.kubeconfig).namespace == "other"


def test_objects_of_another_namespace_are_not_seen(api: KubernetesApi) -> None:
    elsewhere = open_cluster(namespace="other", kubeconfig=api.kubeconfig)
    assert elsewhere.ray_services() == []
    with pytest.raises(NotFound, match="no RayService 'telecine' in namespace 'other'"):
        elsewhere.ray_service("telecine")


def test_services_are_listed(cluster: Cluster) -> None:
    assert [each["metadata"]["name"] for each in cluster.ray_services()] == ["telecine"]


def test_a_dead_api_is_said_to_be_dead(api: KubernetesApi) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]
    text = api.kubeconfig.read_text()
    port = text.split("127.0.0.1:")[1].split()[0]
    api.kubeconfig.write_text(text.replace(port, str(free)))
    with pytest.raises(ClusterUnavailable, match="does not answer"):
        open_cluster(namespace=None, kubeconfig=api.kubeconfig).nodes()


def test_a_refusal_names_what_was_asked(api: KubernetesApi, cluster: Cluster) -> None:
    api.emulator["get /api/v1/nodes"] << 403
    with pytest.raises(ClusterUnavailable, match=r"refuses /api/v1/nodes: 403"):
        cluster.nodes()


def test_no_configuration_is_a_settings_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="KUBECONFIG"):
        open_cluster(namespace=None, kubeconfig=tmp_path / "none")
