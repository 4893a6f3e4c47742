"""values.schema.json is closed and enforced by Helm itself: a wrong value stops the render."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import helm_python as helm
import pytest
import yaml

from tests.helm.chart import CHART, PROFILES, profile, render

WAN = "wan2.1-t2v-14b"
REFUSED: list[tuple[str, Any, str]] = [
    ("screning", {}, "additional properties 'screning' not allowed"),
    ("images", {"api": {"repo": "x"}}, "additional properties 'repo' not allowed"),
    ("images", {"api": {"repository": ""}}, "minLength"),
    ("images", {"worker": {"tag": "a b"}}, "'a b' does not match pattern"),
    ("images", {"worker": {"digest": "sha256:12"}}, "'sha256:12' does not match pattern"),
    ("images", {"pullPolicy": "Sometimes"}, "value must be one of 'IfNotPresent'"),
    ("images", {"pullSecrets": "registry"}, "got string, want array"),
    ("limits", {"maxJobSeconds": "600"}, "got string, want integer"),
    ("limits", {"maxJobSeconds": 0}, "minimum: got 0, want 1"),
    ("limits", {"drainSeconds": 60.5}, "got number, want integer"),
    ("settings", {"lease": {"s": 1}}, "got object, want"),
    ("settings", {"Lease_s": 30}, "does not match pattern"),
    ("files", {"policy": {"key": "a", "parts": ["api"]}}, "does not match pattern"),
    ("files", {"policy_file": {"existingSecret": "a", "key": "b"}}, "missing property 'parts'"),
    ("files", {"policy_file": {"key": "b", "parts": ["head"]}}, "value must be one of 'api'"),
    ("files", {"policy_file": {"key": "b", "parts": []}}, "minItems"),
    ("files", {"policy_file": {"key": "../b", "parts": ["api"]}}, "does not match pattern"),
    ("allowAnonymous", "yes", "got string, want boolean"),
    ("database", {"url": "postgresql://u:p@h/d"}, "additional properties 'url' not allowed"),
    ("database", {"existingSecret": "Not_A_Name"}, "does not match pattern"),
    ("database", {"migrate": "never"}, "value must be one of 'initContainer', 'job'"),
    ("postgresql", {"size": "8GB"}, "'8GB' does not match pattern"),
    ("storage", {"url": "http://bucket"}, "does not match pattern"),
    ("storage", {"url": "s3://bucket/a?b"}, "does not match pattern"),
    ("storage", {"endpointUrl": "https://user:pw@s3.example"}, "does not match pattern"),
    ("storage", {"volume": {"accessMode": "ReadOnlyMany"}}, "value must be one of"),
    ("serviceAccount", {"annotations": {"role": 7}}, "got number, want string"),
    ("api", {"replicas": 1}, "minimum: got 1, want 2"),
    ("api", {"pdbMinAvailable": "50%"}, "got string, want integer"),
    ("api", {"autoscaling": {"targetCPU": 100}}, "maximum: got 100, want 95"),
    ("api", {"resources": {"cpu": "half", "memory": "1Gi"}}, "'half' does not match pattern"),
    ("api", {"graceSeconds": 30}, "minimum: got 30, want 36"),
    ("ray", {"version": "2.60"}, "'2.60' does not match pattern"),
    ("ray", {"auth": {"mode": "none"}}, "value must be one of 'token', 'disabled'"),
    ("ray", {"head": {"podAnnotations": {"checksum/config": "a"}}}, "checksum/config"),
    ("ray", {"redis": {"address": "redis://:pw@r:6379"}}, "does not match pattern"),
    ("upgrade", {"strategy": "NewClusterWithIncrementalUpgrade"}, "value must be one of"),
    ("screening", {"replicas": {"min": 0}}, "minimum: got 0, want 1"),
    ("screening", {"podAnnotations": {"helm.sh/chart": "a-1"}}, "helm.sh/chart"),
    ("screening", {"tolerations": [{"efect": "NoSchedule"}]}, "additional properties 'efect'"),
    ("moderation", {"gpus": -1}, "minimum: got -1, want 0"),
    ("generation", {"models": {"wan3": {}}}, "value must be one of 'embedded'"),
    ("generation", {"models": {WAN: {"host": 2}}}, "additional properties 'host' not allowed"),
    ("generation", {"models": {WAN: {"hosts": 0}}}, "minimum: got 0, want 1"),
    ("generation", {"models": {WAN: {"device": "tpu"}}}, "value must be one of 'cuda', 'cpu'"),
    ("generation", {"models": {WAN: {"parallel": {"cfg": 3}}}}, "maximum: got 3, want 2"),
    ("generation", {"models": {WAN: {"weights": {"source": "hf://x/y"}}}}, "not match pattern"),
    ("generation", {"models": {WAN: {"weights": {"cache": {"type": "nfs"}}}}}, "one of 'emptyDir'"),
    (
        "generation",
        {"models": {WAN: {"extraEnv": [{"name": "TELECINE_DATABASE_URL", "value": "x"}]}}},
        "'not' failed",
    ),
    ("scheduling", {"gang": "slurm"}, "value must be one of 'none'"),
    ("edge", {"host": "https://video.example.org"}, "does not match pattern"),
    ("edge", {"dashboard": True}, "additional properties 'dashboard' not allowed"),
    ("edge", {"gateway": {"parentRefs": [{"namespace": "a"}]}}, "missing property 'name'"),
    ("networkPolicy", {"database": {"cidrs": ["10.0.0.0"]}}, "does not match pattern"),
    ("networkPolicy", {"storage": {"ports": [70000]}}, "maximum: got 70,000, want 65,535"),
    ("metrics", {"interval": "15"}, "does not match pattern"),
    ("alerts", {"moderationRejectRate": 30}, "maximum: got 30, want 1"),
    ("otel", {"endpoint": "https://u:p@collector"}, "does not match pattern"),
    ("tests", {"prompt": ""}, "minLength"),
    ("loadTest", {"ratesPerMinute": []}, "minItems"),
    ("loadTest", {"ratesPerMinute": [0]}, "exclusiveMinimum"),
    ("loadTest", {"within": "4x"}, "value must be one of '1.5x'"),
    ("loadTest", {"sizes": ["64 x 64"]}, "does not match pattern"),
    ("loadTest", {"report": "mail"}, "value must be one of 'bucket', 'log'"),
    ("extraObjects", [{"kind": "ConfigMap"}], "missing property 'apiVersion'"),
]


@pytest.mark.parametrize(("key", "value", "message"), REFUSED)
def test_wrong_value_is_refused(key: str, value: Any, message: str) -> None:
    with pytest.raises(helm.HelmValuesError) as caught:
        render(profile("gpu", {key: value}))
    assert message in str(caught.value)


@pytest.mark.parametrize("name", PROFILES)
def test_profiles_pass_the_strict_lint(name: str) -> None:
    report = helm.lint(str(CHART), profile(name), strict=True)
    assert report["errors"] == []
    assert [item["error"] for item in report["messages"]] == ["icon is recommended"]


def test_every_object_of_the_schema_is_closed() -> None:
    """Open are only maps whose keys are the user's: labels, settings and their like."""
    schema = yaml.safe_load((CHART / "values.schema.json").read_text())
    open_maps = {
        path
        for path, node in _objects(schema, "")
        if node.get("additionalProperties") is not False and "propertyNames" not in node
    }
    assert open_maps <= {
        "/global",
        "/serviceAccount/annotations",
        "/api/podAnnotations",
        "/edge/ingress/annotations",
        "/extraObjects/items",
        *(f"/generation/{where}/extraResources" for where in ("models/*", "defaults")),
    }


def test_every_default_is_in_the_schema_and_every_property_has_a_default() -> None:
    schema = yaml.safe_load((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert set(schema["properties"]) - {"global"} == set(values)
    for key, node in schema["properties"].items():
        if node.get("additionalProperties") is False:
            wanted = set(node.get("properties", ()))
            assert wanted == set(values[key]), key


def _objects(node: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if not isinstance(node, dict):
        return
    if node.get("type") == "object":
        yield path, node
    for name, child in node.get("properties", {}).items():
        yield from _objects(child, f"{path}/{name}")
    yield from _objects(node.get("additionalProperties"), f"{path}/*")
    yield from _objects(node.get("items"), f"{path}/items")
