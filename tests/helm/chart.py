"""The chart as the tests render it, by the real Helm engine, without a cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import helm_python as helm
import yaml

CHART = Path(__file__).resolve().parents[2] / "helm" / "telecine"
PROFILES = ("cpu-demo", "gpu")
# Any: Kubernetes objects are nested documents.
Document = dict[str, Any]


def profile(name: str, *changes: Mapping[str, Any]) -> Document:
    """Values of a profile as somebody would install it, with changes laid over them."""
    values: Document = yaml.safe_load((CHART / "profiles" / f"{name}.yaml").read_text())
    if name == "cpu-demo":
        values["postgresql"]["password"] = "trial"
    return laid_over(values, *changes)


def laid_over(values: Document, *changes: Mapping[str, Any]) -> Document:
    """As Helm lays values files over each other: maps merge, all else is replaced."""
    result = dict(values)
    for change in changes:
        for key, value in change.items():
            old = result.get(key)
            is_map = isinstance(old, dict) and isinstance(value, Mapping)
            result[key] = laid_over(old, value) if is_map and isinstance(old, dict) else value
    return result


def render(
    values: Mapping[str, Any], *, name: str = "t2v", namespace: str = "video", chart: Path = CHART
) -> list[Document]:
    """Every object of the release. Raises helm's errors, with the chart's own sentences."""
    files = _loaded(chart).render(dict(values), name=name, namespace=namespace)
    return [
        document
        for path, text in sorted(files.items())
        if not path.endswith("NOTES.txt") and ":" in text
        for document in yaml.load_all(text, Loader=yaml.CSafeLoader)
        if isinstance(document, dict)
    ]


@cache
def _loaded(chart: Path) -> helm.Chart:
    """Read and compiled once."""
    return helm.Chart.load(str(chart))


def of_kind(documents: Sequence[Document], kind: str) -> list[Document]:
    return [document for document in documents if document["kind"] == kind]


def one(documents: Sequence[Document], kind: str, name: str = "") -> Document:
    """The one object of that kind whose name ends so."""
    (found,) = [
        document
        for document in of_kind(documents, kind)
        if document["metadata"]["name"].endswith(name)
    ]
    return found


def serve_config(documents: Sequence[Document]) -> Document:
    """What KubeRay hands to Serve."""
    config: Document = yaml.safe_load(one(documents, "RayService")["spec"]["serveConfigV2"])
    return config


def ray_templates(documents: Sequence[Document]) -> dict[str, Document]:
    """Pod templates of the Ray cluster, by group; the head is `head`."""
    cluster = one(documents, "RayService")["spec"]["rayClusterConfig"]
    groups = {group["groupName"]: group["template"] for group in cluster["workerGroupSpecs"]}
    return {"head": cluster["headGroupSpec"]["template"], **groups}
