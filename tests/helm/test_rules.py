"""Rules between values: each breach stops the render with a sentence that says what to do."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import helm_python as helm
import pytest
import yaml

from telecine_platform.catalogue import CATALOGUE
from telecine_platform.records import Stage
from telecine_platform.settings import Settings
from telecine_serve.models.architectures import ARCHITECTURES
from telecine_serve.parallel.architecture import ClipShape
from telecine_serve.parallel.axes import Axes
from telecine_serve.parallel.legal import axes_of_gang, illegal_because
from tests.helm.chart import CHART, profile, render, serve_config

WAN = "wan2.1-t2v-14b"


def wan(**changes: Any) -> dict[str, Any]:
    return {"generation": {"models": {WAN: changes}}}


def cpu(**changes: Any) -> dict[str, Any]:
    return {"generation": {"models": {"embedded": changes}}}


GPU_BREACHES: list[tuple[dict[str, Any], str]] = [
    ({"limits": {"drainSeconds": 900}}, "must exceed limits.maxJobSeconds"),
    ({"limits": {"graceSeconds": 980}}, "must be at least limits.drainSeconds + 30"),
    ({"limits": {"clusterDeletionDelaySeconds": 60}}, "an upgrade kills the old cluster's jobs"),
    ({"loadTest": {"enabled": True}}, "loadTest.apiKeySecret is empty, and the API asks for keys"),
    ({"loadTest": {"goodput": 0.9}}, "loadTest.ratesPerMinute has 1"),
    ({"loadTest": {"model": "embedded"}}, "loadTest.model is embedded, but generation.models"),
    ({"generation": {"defaultModel": "embedded"}}, "but generation.models has only wan2.1-t2v-14b"),
    ({"settings": {"lease_s": 5}}, "one late heartbeat loses the job"),
    ({"settings": {"database_url": "x"}}, "use database.existingSecret"),
    ({"settings": {"drain_s": 100}}, "use limits.drainSeconds"),
    ({"settings": {"num_ranks": 2}}, "hosts and gpusPerHost"),
    ({"settings": {"policy_file": "/a"}}, "put it under files"),
    ({"files": {"policy_file": {"key": "a", "parts": ["api"]}}}, "one of existingSecret"),
    (
        {
            "files": {
                "registry_private_key_file": {
                    "existingConfigMap": "keys",
                    "key": "a",
                    "parts": ["api"],
                }
            }
        },
        "belongs in a secret",
    ),
    ({"files": {"api_keys_file": {"parts": ["screening"]}}}, "must have api among its parts"),
    ({"files": {"webhook_keys_file": {"parts": ["api", "generation"]}}}, "only the api part"),
    ({"files": {"mark_keys_file": {"parts": ["api"]}}}, "files.mark_keys_file is missing"),
    ({"settings": {"signing_service": "a.b:c"}}, "exactly one of files.signing_key_file"),
    ({"files": {"signing_key_file": {"parts": ["api", "moderation"]}}}, "[moderation] and nothing"),
    ({"settings": {"signing_key": "PEM"}}, "use files.signing_key_file"),
    ({"database": {"existingSecret": ""}}, "no database"),
    ({"postgresql": {"enabled": True, "password": "x"}}, "which database is meant"),
    ({"storage": {"url": "file:///clips"}}, "use s3://bucket/prefix"),
    ({"storage": {"endpointUrl": "https://minio.example"}}, "knows no IAM roles"),
    ({"storage": {"volume": {"enabled": True}}}, "use file:///var/lib/telecine-blobs"),
    (wan(ranks=16), "ranks is 16, but hosts 1 x gpusPerHost 8 are 8"),
    (wan(gangs={"min": 3, "max": 2}), "gangs.min (3) must not exceed gangs.max (2)"),
    (wan(parallel={"cfg": 2, "sp": 2}), "needs all of cfg, sp and tp"),
    (wan(parallel={"cfg": 2, "sp": 2, "tp": 4}), "is 16 ranks, but hosts x gpusPerHost are 8"),
    (
        wan(hosts=2, gpusPerHost=4, parallel={"cfg": 1, "sp": 1, "tp": 8}),
        "tp 8 would cross hosts of 4 GPUs",
    ),
    (
        wan(hosts=2, gpusPerHost=8, parallel={"cfg": 1, "sp": 2, "tp": 8}),
        "40 heads do not divide over tp 8 x sp 2",
    ),
    (
        wan(gpusPerHost=5, parallel={"cfg": 1, "sp": 1, "tp": 5}),
        "the feed-forward width 13824 does not divide over tp 5",
    ),
    (wan(gpusPerHost=7), "40 heads do not divide over 7 ranks in any way"),
    (wan(weights={"source": ""}), "weights.source must say where the model is"),
    (wan(weights={"cache": {"type": "pvc"}}), "existingClaim is empty"),
    (wan(weights={"cache": {"type": "hostPath"}}), "breaks the restricted Pod Security Standard"),
    (wan(weights={"cache": {"prefetchJob": True}}), "fills a cache of type pvc"),
    (wan(resources={"cpu": "8"}), "must be at least 8.1"),
    (wan(pdbMinAvailable=1), "must be below gangs.min (1)"),
    ({"generation": {"models": {"embedded": {}}}}, "say in generation.defaultModel which of them"),
    ({"screening": {"replicas": {"min": 9}}}, "screening.replicas.min (9) must not exceed"),
    ({"screening": {"replicasPerPod": 4}}, "screening.pdbMinAvailable (1) must be below"),
    ({"moderation": {"replicas": {"min": 1}}}, "moderation.pdbMinAvailable (1) must be below"),
    ({"api": {"pdbMinAvailable": 2}}, "api.pdbMinAvailable (2) must be below"),
    ({"api": {"autoscaling": {"minReplicas": 8}}}, "must not exceed maxReplicas"),
    ({"scheduling": {"gang": "kai"}}, "kai needs scheduling.queue"),
    ({"scheduling": {"gang": "kueue", "queue": "gpus"}}, "admits clusters of a fixed size"),
    (
        {"ray": {"auth": {"mode": "disabled"}}, "networkPolicy": {"enabled": False}},
        "lets whoever reaches a port of Ray run code",
    ),
    (
        {"ray": {"auth": {"mode": "disabled", "existingSecret": "token"}}},
        "but ray.auth.mode is disabled",
    ),
    ({"edge": {"gateway": {"enabled": True}}}, "two ways in"),
    ({"edge": {"host": ""}}, "edge.host is empty"),
    ({"edge": {"tls": {"existingSecret": ""}}}, "API keys would travel in the clear"),
    (
        {"edge": {"ingress": {"enabled": False}, "gateway": {"enabled": True}}},
        "edge.gateway.parentRefs is empty",
    ),
    ({"otel": {"collector": {"enabled": True}}}, "otel.collector.exportTo is empty"),
    (
        {
            "otel": {
                "endpoint": "http://a:4318/v1/traces",
                "collector": {"enabled": True, "exportTo": "https://b"},
            }
        },
        "exclude each other",
    ),
]
CPU_BREACHES: list[tuple[dict[str, Any], str]] = [
    ({"allowAnonymous": False}, "nobody would be asked who they are"),
    ({"postgresql": {"password": ""}}, "postgresql.password is empty"),
    ({"database": {"migrate": "job"}}, "before the release's own PostgreSQL exists"),
    (cpu(device="cuda"), "set device: cpu"),
    (cpu(weights={"source": "s3://models/embedded"}), "ships with the image"),
    (cpu(dra={"enabled": True}), "dra claims GPUs, but device is cpu"),
    (cpu(resources={"cpu": "1"}), "must be at least 1.1"),
]


BREACHES = [("gpu", *breach) for breach in GPU_BREACHES]
BREACHES += [("cpu-demo", *breach) for breach in CPU_BREACHES]


@cache
def sentence_of_breach(number: int) -> str:
    """What Helm says when it renders that breach."""
    name, change, _ = BREACHES[number]
    with pytest.raises(helm.HelmError) as caught:
        render(profile(name, change))
    return str(caught.value)


@pytest.mark.parametrize("number", range(len(BREACHES)), ids=[breach[2] for breach in BREACHES])
def test_breach_fails_with_a_sentence(number: int) -> None:
    assert BREACHES[number][2] in sentence_of_breach(number)


def test_default_values_alone_say_what_is_missing() -> None:
    with pytest.raises(helm.HelmRenderError, match=r"generation\.models is empty"):
        render({})


@pytest.mark.parametrize(
    ("name", "message"),
    [("t" * 41, "at most 40"), ("2v", "must start with a letter"), ("t.v", "hold no dots")],
)
def test_release_name_that_kuberay_would_refuse_fails(name: str, message: str) -> None:
    with pytest.raises(helm.HelmError, match=message):
        render(profile("gpu"), name=name)


def test_longest_release_name_still_renders() -> None:
    names = [document["metadata"]["name"] for document in render(profile("gpu"), name="t" * 40)]
    assert max(map(len, names)) <= 63
    assert "t" * 40 + "-stages" in names


def test_every_rule_is_tested() -> None:
    """Each sentence of the rules was said above; those on names have tests of their own."""
    files = sorted((CHART / "templates").glob("_rules*.tpl"))
    text = "".join(file.read_text() for file in files)
    sentences = re.findall(r'fail (?:\(printf )?"((?:[^"\\]|\\.)*)"', text)
    said = " ".join(sentence_of_breach(number) for number in range(len(BREACHES)))
    untested = [
        sentence
        for sentence in sentences
        if not re.search(re.sub(r"%[dqsv]", ".+?", re.escape(sentence)), said)
        and not sentence.startswith(("the release name", "generation.models is empty"))
    ]
    assert len(sentences) >= 40
    assert untested == []


def test_geometry_is_the_planners() -> None:
    text = (CHART / "templates" / "_rules_gangs.tpl").read_text()
    block = text.split('{{- define "telecine.geometry" -}}')[1].split("{{- end }}")[0]
    assert yaml.safe_load(block) == {
        name: {"heads": known.num_heads, "ffnWidth": known.ffn_width}
        for name, known in ARCHITECTURES.items()
    }


def test_models_are_the_catalogues() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    models = schema["properties"]["generation"]["properties"]["models"]
    assert models["propertyNames"]["enum"] == list(CATALOGUE)


def test_chart_and_engine_agree_which_axes_are_legal() -> None:
    """Every division of two hosts of four GPUs, and some that use another number of ranks."""
    clip = ClipShape(width_px=0, height_px=0, num_frames=1, num_steps=1, is_guided=True)
    candidates = [*axes_of_gang(8), Axes(cfg_size=2, sp_size=3), Axes(tp_size=4)]
    for axes in candidates:
        parallel = {"cfg": axes.cfg_size, "sp": axes.sp_size, "tp": axes.tp_size}
        is_legal = (
            axes.num_ranks == 8 and illegal_because(ARCHITECTURES[WAN], clip, axes, 4) is None
        )
        try:
            documents = render(profile("gpu", wan(hosts=2, gpusPerHost=4, parallel=parallel)))
        except helm.HelmRenderError:
            assert not is_legal, axes
        else:
            assert is_legal, axes
            settings = serve_config(documents)["applications"][1]["args"]["settings"]
            assert settings["gang_axes"] == str(axes)


def test_managed_settings_exist() -> None:
    text = (CHART / "templates" / "_settings.tpl").read_text()
    block = text.split('{{- define "telecine.managedSettings" -}}')[1].split("{{- end }}")[0]
    assert set(yaml.safe_load(block)) <= set(Settings.model_fields)


@pytest.mark.parametrize("name", ["cpu-demo", "gpu"])
def test_stages_accept_their_rendered_settings(name: str) -> None:
    from telecine_serve.apps.arguments import arguments_from_args

    applications = serve_config(render(profile(name)))["applications"]
    assert [application["name"] for application in applications] == [stage.value for stage in Stage]
    for application in applications:
        _, settings = arguments_from_args(application["args"])
        assert settings.drain_s > settings.job_timeout_s
