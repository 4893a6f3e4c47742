"""120 drawn value sets: each renders, fits strict schemas, and its objects fit each other."""

from __future__ import annotations

from functools import cache
from typing import Any

import jsonschema
import pytest

from tests.helm.chart import Document, profile, ray_templates, render
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
