"""Several models in one release: each has a queue, a worker group and an application."""

from __future__ import annotations

from typing import Any

import helm_python as helm
import pytest

from telecine_platform.records import Stage
from telecine_platform.scheduling.pools import pools_from_settings
from telecine_platform.settings import load_settings
from telecine_serve.apps.arguments import arguments_from_args
from tests.helm.chart import (
    Document,
    of_kind,
    one,
    profile,
    ray_templates,
    render,
    serve_config,
)
from tests.helm.cross_objects import problems

WAN, SMALL = "wan2.1-t2v-14b", "wan2.2-ti2v-5b"
SMALL_PART = "generation-wan2-2-ti2v-5b"


def two_models(**small: Any) -> Document:
    weights = {"source": f"s3://bucket/models/{SMALL}"}
    group = {"hosts": 1, "gpusPerHost": 4, "gangs": {"min": 0, "max": 6}, "weights": weights}
    generation = {"models": {SMALL: group | small}, "defaultModel": WAN}
    return profile("gpu", {"generation": generation})


def group_of(documents: list[Document], name: str) -> Document:
    groups = one(documents, "RayService")["spec"]["rayClusterConfig"]["workerGroupSpecs"]
    (found,) = [group for group in groups if group["groupName"] == name]
    return dict(found)


def test_each_model_has_an_application_with_settings_of_its_own() -> None:
    applications = {app["name"]: app for app in serve_config(render(two_models()))["applications"]}
    assert list(applications) == ["screening", "generation", SMALL_PART, "moderation"]
    paths = {name: app["import_path"].split(":")[1] for name, app in applications.items()}
    assert set(paths.values()) == set(Stage)
    assert paths[SMALL_PART] == "generation"
    shown = []
    for name in ("generation", SMALL_PART):
        _, settings = arguments_from_args(applications[name]["args"])
        shown.append((settings.model, settings.num_ranks, settings.generation_max_replicas))
        assert settings.model_folder is not None
        assert settings.model_folder.name == settings.model
    assert shown == [(WAN, 8, 4), (SMALL, 4, 6)]


def test_each_application_asks_for_the_mark_of_its_own_group() -> None:
    documents = render(two_models())
    marks = {
        app["name"]: set(app["args"]["resources"])
        for app in serve_config(documents)["applications"]
    }
    groups = {
        name: {word for word in group_of(documents, group)["resources"] if "telecine" in word}
        for name, group in (
            ("generation", "generation-wan2-1-t2v-14b"),
            (SMALL_PART, SMALL_PART),
            ("screening", "screening"),
        )
    }
    assert all(marks[name] == groups[name] for name in groups)
    assert len(set().union(*marks.values())) == 4


def test_the_api_serves_all_of_them_and_stages_do_not_know() -> None:
    documents = render(two_models())
    (container,) = one(documents, "Deployment", "-api")["spec"]["template"]["spec"]["containers"]
    environ = {each["name"]: each.get("value", "sqlite://") for each in container["env"]}
    pools = pools_from_settings(load_settings(environ=environ))
    sizes = {name: (pool.fleet.num_gpus, pool.fleet.max_gangs) for name, pool in pools.items()}
    assert sizes == {WAN: (8, 4), SMALL: (4, 6)}
    for app in serve_config(documents)["applications"]:
        assert "more_models" not in app["args"]["settings"]


def test_another_model_leaves_what_runs_as_it_is() -> None:
    """The running applications and groups do not change, so their jobs go on where they are."""
    before = render(profile("gpu"))
    after = render(two_models())
    old_apps = serve_config(before)["applications"]
    new_apps = serve_config(after)["applications"]
    assert [app for app in new_apps if app["name"] != SMALL_PART] == old_apps
    old_templates, new_templates = ray_templates(before), ray_templates(after)
    del new_templates[SMALL_PART]
    assert new_templates == old_templates


def test_models_gangs_do_not_reach_each_other() -> None:
    documents = render(
        two_models(dra={"enabled": True}, pdbMinAvailable=1, gangs={"min": 2, "max": 3})
    )
    assert problems(documents) == []
    policy = one(documents, "NetworkPolicy", f"-{SMALL_PART}")["spec"]
    peers = [
        peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"]
        for peer in policy["ingress"][0]["from"]
    ]
    assert sorted(peers) == [SMALL_PART, "head"]
    (budget,) = [
        each for each in of_kind(documents, "PodDisruptionBudget")
        if each["metadata"]["name"].endswith(SMALL_PART)
    ]  # fmt: skip
    assert budget["spec"]["minAvailable"] == 1
    claims = [each["metadata"]["name"] for each in of_kind(documents, "ResourceClaimTemplate")]
    assert claims == ["t2v-gpus-wan2-2-ti2v-5b"]
    template = group_of(documents, SMALL_PART)["template"]["spec"]
    assert template["resourceClaims"][0]["resourceClaimTemplateName"] == claims[0]


def test_files_for_generation_reach_every_models_gangs() -> None:
    files = {"files": {"policy_file": {"existingConfigMap": "p", "key": "p.yaml",
                                       "parts": ["generation"]}}}  # fmt: skip
    templates = ray_templates(render(profile("gpu", two_models(), files)))
    mounted = {
        group
        for group, template in templates.items()
        if "file-policy-file" in str(template["spec"]["volumes"])
    }
    assert mounted == {"generation-wan2-1-t2v-14b", SMALL_PART}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"generation": {"defaultModel": ""}}, "say in generation.defaultModel which of them"),
        (
            {"generation": {"defaultModel": "wan2.2-t2v-a14b"}},
            f"generation.models has only {WAN} and {SMALL}",
        ),
        ({"generation": {"models": {SMALL: {"gpusPerHost": 7}}}}, f"{SMALL}: 24 heads do not"),
        ({"generation": {"models": {SMALL: {"gangs": {"min": 9}}}}}, f"{SMALL}: gangs.min (9)"),
        ({"loadTest": {"model": "embedded"}}, "loadTest.model is embedded, but generation.models"),
        ({"settings": {"more_models": "embedded=2x1"}}, "use generation.models"),
    ],
)
def test_each_model_is_held_to_the_rules(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(helm.HelmRenderError) as caught:
        render(profile("gpu", two_models(), changes))
    assert says in str(caught.value)


def test_a_name_that_another_model_makes_too_long_is_refused() -> None:
    values = profile("gpu", {"generation": {"defaultModel": WAN, "models": {
        "wan2.1-flf2v-14b-720p": {"weights": {"source": "s3://bucket/models/flf"}},
    }}})  # fmt: skip
    with pytest.raises(helm.HelmRenderError, match="use a release name of at most 30"):
        render(values, name="a" * 31)
    assert render(values, name="a" * 30)


def test_the_load_test_names_its_model() -> None:
    changes = {"loadTest": {"enabled": True, "apiKeySecret": "smoke-key", "model": SMALL}}
    documents = render(profile("gpu", two_models(), changes))
    (job,) = [job for job in of_kind(documents, "Job") if "loadtest" in job["metadata"]["name"]]
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert {f"--model={SMALL}", "--gpus=4"} <= set(container["command"])
