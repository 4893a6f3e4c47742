"""120 drawn value sets: each renders, fits strict schemas, and its objects fit each other."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import jsonschema
import pytest

from tests.helm.chart import Document, one, profile, ray_templates, render
from tests.helm.cross_objects import problems
from tests.helm.kuberay_rules import refusals
from tests.helm.schemas import check, ray_service_schema
from tests.helm.value_sets import value_set

SEEDS = range(120)


@cache
def rendered(seed: int) -> list[Document]:
    return render(value_set(seed))


@pytest.mark.parametrize("first", range(0, len(SEEDS), 10))
def test_objects_fit_strict_schemas(first: int) -> None:
    for seed in SEEDS[first : first + 10]:
        for document in rendered(seed):
            try:
                check(document)
            except Exception as error:
                raise AssertionError(f"seed {seed}: {document['kind']}: {error}") from error


def test_objects_fit_each_other() -> None:
    found = {seed: problems(rendered(seed)) for seed in SEEDS}
    assert {seed: wrong for seed, wrong in found.items() if wrong} == {}


def test_kuberay_would_refuse_none() -> None:
    found = {seed: refusals(rendered(seed)) for seed in SEEDS}
    assert {seed: wrong for seed, wrong in found.items() if wrong} == {}


def test_no_ray_pod_carries_what_changes_with_the_chart() -> None:
    for seed in SEEDS:
        for template in ray_templates(rendered(seed)).values():
            metadata = template["metadata"]
            names = [*metadata["labels"], *metadata["annotations"]]
            assert not [name for name in names if "chart" in name or "checksum" in name]
            assert not [name for name in names if name.endswith("/version")]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["spec", "serveConfig"], "x"),
        (["spec", "rayClusterConfig", "workerGroupSpecs", 0, "numOfHost"], 2),
        (["spec", "rayClusterConfig", "workerGroupSpecs", 0, "minReplicas"], "two"),
        (["spec", "rayClusterConfig", "authOptions", "mode"], "open"),
        (["spec", "rayClusterConfig", "headGroupSpec", "template", "spec", "nodeName2"], "x"),
    ],
)
def test_schema_of_the_crd_is_strict(path: list[Any], value: Any) -> None:
    (document,) = [d for d in render(profile("gpu")) if d["kind"] == "RayService"]
    check(document)
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        ray_service_schema().validate(document)


def _break_service_port(release: list[Document]) -> None:
    one(release, "Service", "-api")["spec"]["ports"][0]["targetPort"] = "https"


def _break_volume(release: list[Document]) -> None:
    one(release, "Deployment", "-api")["spec"]["template"]["spec"]["volumes"].pop()


def _break_secret(release: list[Document]) -> None:
    container = one(release, "Deployment", "-api")["spec"]["template"]["spec"]["containers"][0]
    container["env"].append(
        {"name": "X", "valueFrom": {"secretKeyRef": {"name": "nobodys", "key": "x"}}}
    )


def _break_edge(release: list[Document]) -> None:
    rule = one(release, "Ingress")["spec"]["rules"][0]
    rule["http"]["paths"][0]["backend"]["service"]["name"] = "t2v-stages-head-svc"


def _break_policy(release: list[Document]) -> None:
    rules = one(release, "NetworkPolicy", "-head")["spec"]["ingress"]
    rules.append({"from": [{"namespaceSelector": {}}]})


def _break_grace(release: list[Document]) -> None:
    ray_templates(release)["screening"]["spec"]["terminationGracePeriodSeconds"] = 30


def _break_selector(release: list[Document]) -> None:
    one(release, "PodMonitor", "-head")["spec"]["selector"]["matchLabels"] = {"a": "b"}


@pytest.mark.parametrize(
    ("breakage", "words"),
    [
        (_break_service_port, "no container has the port"),
        (_break_volume, "without a volume"),
        (_break_secret, "which nobody makes"),
        (_break_edge, "the edge leads to"),
        (_break_policy, "another namespace reaches"),
        (_break_grace, "killed before it has drained"),
        (_break_selector, "selects no pod"),
    ],
)
def test_broken_release_is_noticed(breakage: Callable[[list[Document]], None], words: str) -> None:
    release = render(profile("gpu"))
    assert problems(release) == []
    breakage(release)
    assert any(words in problem for problem in problems(release))


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (["workerGroupSpecs", 0, "replicas"], 3, "fight the autoscaler"),
        (["workerGroupSpecs", 0, "rayStartParams"], {"num-cpus": "1"}, "set twice"),
        (["workerGroupSpecs", 2, "numOfHosts"], 0, "but the group has"),
        (["workerGroupSpecs", 1, "resources"], {"CPU": "1"}, "0 groups offer"),
        (["headGroupSpec", "enableIngress"], True, "dashboard would be reachable"),
        (["authOptions", "enableK8sTokenAuth"], True, "not supported"),
    ],
)
def test_what_kuberay_refuses_is_noticed(path: list[Any], value: Any, words: str) -> None:
    release = render(profile("gpu"))
    assert refusals(release) == []
    place = one(release, "RayService")["spec"]["rayClusterConfig"]
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert any(words in refusal for refusal in refusals(release))
