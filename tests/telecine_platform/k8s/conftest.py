"""An emulated cluster with the sample release in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from telecine_platform.k8s.client import Cluster, open_cluster
from tests.kubernetes_api import KubernetesApi, kubernetes_api
from tests.telecine_platform.k8s.installed import install


@pytest.fixture
def api(tmp_path: Path) -> Iterator[KubernetesApi]:
    with kubernetes_api(tmp_path) as running:
        install(running)
        yield running


@pytest.fixture
def cluster(api: KubernetesApi) -> Cluster:
    return open_cluster(namespace=None, kubeconfig=api.kubeconfig)
