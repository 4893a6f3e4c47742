"""Strict schemas: Kubernetes' own, and KubeRay's CRD made as strict as a server would be."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from kubernetes_validate.utils import schema_contents
from referencing import Registry, Resource

from tests.helm.chart import Document, ray_templates

CRDS = Path(__file__).resolve().parents[3] / "shared" / "crds"
KUBERNETES = "1.36.0"
CUSTOM = ("ray.io/", "monitoring.coreos.com/", "gateway.networking.k8s.io/")
"""Groups whose kinds Kubernetes itself does not know."""


def check(document: Document) -> None:
    """Raise for a field that is unknown, missing or of the wrong type."""
    if document["kind"] == "RayService":
        ray_service_schema().validate(pruned(document))
        for pod in projected_pods(document):
            kubernetes_schema("Pod", "v1").validate(pod)
    elif not document["apiVersion"].startswith(CUSTOM):
        kubernetes_schema(document["kind"], document["apiVersion"]).validate(document)


def projected_pods(service: Document) -> list[Document]:
    """The pods that KubeRay would make, as far as the chart decides them."""
    return [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": template["metadata"]
            | {"name": f"ray-{group}", "namespace": service["metadata"]["namespace"]},
            "spec": template["spec"],
        }
        for group, template in ray_templates([service]).items()
    ]


@cache
def kubernetes_schema(kind: str, api_version: str) -> jsonschema.Draft202012Validator:
    """As `kubernetes_validate.validate` finds it, but read once and not for each object."""
    group = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", api_version)
    folder = f"kubernetes-json-schema/v{KUBERNETES}-local-strict"
    schema = schema_contents(f"{folder}/{kind.lower()}-{group}.json", KUBERNETES)
    registry = Resource.from_contents(schema) @ _definitions(folder)
    return jsonschema.Draft202012Validator(schema, registry=registry)


@cache
def _definitions(folder: str) -> Registry[Any]:
    contents = schema_contents(f"{folder}/_definitions.json", KUBERNETES)
    return Resource.from_contents(contents) @ Registry()


@cache
def ray_service_schema() -> jsonschema.Draft7Validator:
    """KubeRay's schema of a RayService; skips the test where the CRDs are not beside us."""
    file = CRDS / "ray.io_rayservices.yaml"
    if not file.is_file():
        pytest.skip("KubeRay's CRDs are not in ../shared/crds")
    crd = yaml.load(file.read_text(), Loader=yaml.CSafeLoader)
    (version,) = [item for item in crd["spec"]["versions"] if item["name"] == "v1"]
    return jsonschema.Draft7Validator(_strict(version["schema"]["openAPIV3Schema"]))


def _strict(node: Any) -> Any:
    """What a server does that JSON schema does not say: unknown fields, defaults, int-or-string."""
    if isinstance(node, list):
        return [_strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    strict = {key: _strict(value) for key, value in node.items() if key != "format"}
    if node.get("x-kubernetes-int-or-string") is True:
        return {"anyOf": [{"type": "integer"}, {"type": "string"}]}
    properties = node.get("properties")
    if isinstance(properties, dict) and node.get("type") == "object":
        strict.setdefault("additionalProperties", False)
        defaulted = {
            name
            for name, child in properties.items()
            if isinstance(child, dict) and "default" in child
        }
        strict["required"] = [name for name in node.get("required", ()) if name not in defaulted]
    return strict


def pruned(node: Any) -> Any:
    """Without nulls, which a server drops; metadata is any object in a CRD."""
    if isinstance(node, dict):
        return {key: pruned(value) for key, value in node.items() if value is not None}
    if isinstance(node, list):
        return [pruned(item) for item in node]
    return node
