"""What a new version of the chart costs: nothing, unless the stages really change."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.helm.chart import CHART, PROFILES, Document, one, profile, render

_UNHASHED = ("replicas", "minReplicas", "maxReplicas")
"""`GenerateHashWithoutReplicasAndWorkersToDelete`, kuberay v1.7.0 `utils/util.go`: also
tolerations, schedulingGates and workersToDelete."""


def hashed(documents: list[Document]) -> Document:
    """What KubeRay compares: a difference makes a second cluster."""
    cluster: Document = one(documents, "RayService")["spec"]["rayClusterConfig"]
    for group in cluster["workerGroupSpecs"]:
        for field in _UNHASHED:
            group.pop(field, None)
        group["template"]["spec"].pop("tolerations", None)
    cluster["headGroupSpec"]["template"]["spec"].pop("tolerations", None)
    return cluster


@pytest.mark.parametrize("name", PROFILES)
def test_new_chart_version_changes_no_ray_service_spec(tmp_path: Path, name: str) -> None:
    bumped = tmp_path / "telecine"
    shutil.copytree(CHART, bumped)
    about = yaml.safe_load((CHART / "Chart.yaml").read_text())
    (bumped / "Chart.yaml").write_text(yaml.safe_dump(about | {"version": "9.9.9"}))

    before = one(render(profile(name)), "RayService")
    after = one(render(profile(name), chart=bumped), "RayService")

    assert before["metadata"] != after["metadata"]  # the label says so, where it costs nothing
    assert before["spec"] == after["spec"]


@pytest.mark.parametrize(
    "change",
    [
        {"settings": {"lease_s": 30}},
        {"settings": {"screening_model": "none"}},
        {"screening": {"replicas": {"max": 12}}},
        {"generation": {"models": {"wan2.1-t2v-14b": {"gangs": {"max": 8}}}}},
        {"moderation": {"tolerations": [{"operator": "Exists"}]}},
        {"api": {"replicas": 4}},
        {"alerts": {"queueAgeSeconds": 60}},
        {"otel": {"endpoint": "http://otel:4318/v1/traces"}},
        {"edge": {"host": "other.example.org"}},
        {"scheduling": {"gang": "kai", "queue": "gpus"}},
    ],
    ids=str,
)
def test_change_is_in_place(change: dict[str, Any]) -> None:
    assert hashed(render(profile("gpu"))) == hashed(render(profile("gpu", change)))


@pytest.mark.parametrize(
    "change",
    [
        {"images": {"worker": {"tag": "0.2.0-cuda"}}},
        {"limits": {"graceSeconds": 2000}},
        {"generation": {"models": {"wan2.1-t2v-14b": {"gpusPerHost": 4}}}},
        {"generation": {"models": {"wan2.1-t2v-14b": {"hosts": 2}}}},
        {"storage": {"region": "eu-west-1"}},
        {"database": {"existingSecret": "another"}},
    ],
    ids=str,
)
def test_change_is_a_second_cluster(change: dict[str, Any]) -> None:
    assert hashed(render(profile("gpu"))) != hashed(render(profile("gpu", change)))
