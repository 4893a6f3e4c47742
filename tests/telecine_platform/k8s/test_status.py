"""What is read from a cluster's objects."""

from __future__ import annotations

import pytest

from telecine_platform.errors import NotFound
from telecine_platform.k8s.client import Cluster
from telecine_platform.k8s.status import read_status
from tests.kubernetes_api import KubernetesApi
from tests.telecine_platform.k8s.installed import ray_cluster, service, worker_pod


def test_gangs_and_gpus_are_counted_by_running_pods(cluster: Cluster) -> None:
    status = read_status(cluster, "telecine")
    assert status.is_healthy
    (only,) = status.clusters
    assert (only.role, only.state, only.gpus) == ("active", "ready", 2 * 8 + 1)
    groups = {group.name: group for group in only.groups}
    generation = groups["generation"]
    assert (generation.whole_replicas, generation.pods, generation.gpus) == (1, 2, 16)
    assert groups["screening"].gpus == 0


def test_a_gang_without_all_its_hosts_is_not_whole(api: KubernetesApi, cluster: Cluster) -> None:
    api.put(worker_pod("gen-1", "generation", replica="gen-x", phase="Pending"))
    (only,) = read_status(cluster, "telecine").clusters
    generation = {group.name: group for group in only.groups}["generation"]
    assert (generation.whole_replicas, generation.running_pods, generation.pods) == (0, 1, 2)


def test_an_upgrade_shows_both_clusters(api: KubernetesApi, cluster: Cluster) -> None:
    pending = {"rayClusterName": "telecine-fghij", "applicationStatuses": {}}
    api.put(service(pendingServiceStatus=pending), ray_cluster("telecine-fghij"))
    both = read_status(cluster, "telecine").clusters
    assert [(each.role, each.name) for each in both] == [
        ("active", "telecine-abcde"),
        ("pending", "telecine-fghij"),
    ]
    assert both[1].gpus == 0


def test_a_pending_cluster_that_is_not_made_yet_has_no_groups(
    api: KubernetesApi, cluster: Cluster
) -> None:
    api.put(service(pendingServiceStatus={"rayClusterName": "telecine-none"}))
    assert read_status(cluster, "telecine").clusters[1].groups == ()


def test_an_unhealthy_application_makes_the_service_unhealthy(
    api: KubernetesApi, cluster: Cluster
) -> None:
    sick = service()
    apps = sick["status"]["activeServiceStatus"]["applicationStatuses"]
    apps["generation"] = {"status": "UNHEALTHY", "message": "The gang cannot start."}
    api.put(sick)
    status = read_status(cluster, "telecine")
    assert not status.is_healthy
    found = {app.name: app for app in status.clusters[0].apps}
    assert found["generation"].message == "The gang cannot start."


def test_a_service_that_is_new_has_no_cluster(api: KubernetesApi, cluster: Cluster) -> None:
    fresh = service()
    del fresh["status"]
    api.put(fresh)
    status = read_status(cluster, "telecine")
    assert (status.status, status.clusters, status.is_healthy) == ("unknown", (), False)


def test_an_unknown_name_is_said(cluster: Cluster) -> None:
    with pytest.raises(NotFound, match="no RayService 'other'"):
        read_status(cluster, "other")
