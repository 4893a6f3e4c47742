"""What a change of the chart or its values costs, as `telecine upgrade preview` says it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from telecine_platform.k8s.manifests import read_release
from telecine_platform.k8s.preview import Preview, Verdict, preview_release
from telecine_platform.k8s.serve_change import AppEffect
from tests.helm.chart import CHART, PROFILES, Document, one, profile, render

WAN = "wan2.1-t2v-14b"


def preview(folder: Path, old: list[Document], new: list[Document]) -> Preview:
    """What applying `new` over `old` does to the stages."""
    releases = []
    for name, documents in (("old", old), ("new", new)):
        file = folder / f"{name}.yaml"
        file.write_text(yaml.safe_dump_all(documents))
        releases.append(read_release(file))
    (service,) = preview_release(*releases, start_s=600.0, drain_s=660.0).services
    return service


@pytest.mark.parametrize("name", PROFILES)
def test_new_chart_version_changes_no_ray_service_spec(tmp_path: Path, name: str) -> None:
    bumped = tmp_path / "telecine"
    shutil.copytree(CHART, bumped)
    about = yaml.safe_load((CHART / "Chart.yaml").read_text())
    (bumped / "Chart.yaml").write_text(yaml.safe_dump(about | {"version": "9.9.9"}))

    before, after = render(profile(name)), render(profile(name), chart=bumped)

    old, new = one(before, "RayService"), one(after, "RayService")
    assert old["metadata"] != new["metadata"]  # the label says so, where it costs nothing
    assert old["spec"] == new["spec"]
    assert preview(tmp_path, before, after).verdict is Verdict.NOTHING


@pytest.mark.parametrize(
    ("change", "restarted"),
    [
        ({"settings": {"lease_s": 30}}, ("generation", "moderation", "screening")),
        ({"otel": {"endpoint": "http://otel:4318/v1/traces"}},
         ("generation", "moderation", "screening")),
        ({"files": {"policy_file": {"existingSecret": "p", "key": "p.yaml", "parts": ["api"]}}},
         ()),
        ({"api": {"replicas": 4}}, ()),
        ({"alerts": {"queueAgeSeconds": 60}}, ()),
        ({"edge": {"host": "other.example.org"}}, ()),
        ({"scheduling": {"gang": "kai", "queue": "gpus"}}, ()),
    ],
    ids=str,
)  # fmt: skip
def test_change_is_in_place(
    tmp_path: Path, change: dict[str, Any], restarted: tuple[str, ...]
) -> None:
    found = preview(tmp_path, render(profile("gpu")), render(profile("gpu", change)))
    assert found.verdict is (Verdict.IN_PLACE if restarted else Verdict.NOTHING)
    assert tuple(sorted(app.name for app in found.apps)) == restarted
    if restarted:
        assert found.drain is not None
        assert found.drain.at_most_s == 960  # limits.drainSeconds of the profile


@pytest.mark.parametrize(
    ("change", "restarted"),
    [
        ({"screening": {"replicas": {"max": 12}}}, ("screening",)),
        ({"generation": {"models": {WAN: {"gangs": {"max": 8}}}}}, ("generation",)),
        ({"moderation": {"tolerations": [{"operator": "Exists"}]}}, ()),
    ],
    ids=str,
)
def test_change_of_a_groups_size_does_not_reach_its_running_pods(
    tmp_path: Path, change: dict[str, Any], restarted: tuple[str, ...]
) -> None:
    """Serve takes its part; KubeRay does not compare these fields. docs/chart.md says so."""
    found = preview(tmp_path, render(profile("gpu")), render(profile("gpu", change)))
    assert found.not_applied
    assert found.extra_gpus == 0
    assert tuple(sorted(app.name for app in found.apps)) == restarted


def second_model(name: str) -> dict[str, Any]:
    group = {"gpusPerHost": 4, "weights": {"source": f"s3://bucket/models/{name}"}}
    return {"generation": {"defaultModel": WAN, "models": {name: group}}}


def test_a_model_behind_the_others_is_added_in_place(tmp_path: Path) -> None:
    release = profile("gpu", second_model("wan2.2-i2v-a14b"))
    longer = profile("gpu", release, second_model("wan2.2-t2v-a14b"))
    found = preview(tmp_path, render(release), render(longer))
    assert found.verdict is Verdict.IN_PLACE
    assert found.extra_gpus == 4
    effects = {app.name: app.effect for app in found.apps}
    assert effects == {"generation-wan2-2-t2v-a14b": AppEffect.ADDED}
    assert found.drain is None


def test_a_model_between_the_others_is_a_second_cluster(tmp_path: Path) -> None:
    release = profile("gpu", second_model("wan2.2-t2v-a14b"))
    between = profile("gpu", release, second_model("wan2.2-i2v-a14b"))
    assert preview(tmp_path, render(release), render(between)).verdict is Verdict.SECOND_CLUSTER


@pytest.mark.parametrize(
    "change",
    [
        {"images": {"worker": {"tag": "0.2.0-cuda"}}},
        {"limits": {"graceSeconds": 2000}},
        {"generation": {"models": {WAN: {"gpusPerHost": 4}}}},
        {"generation": {"models": {WAN: {"hosts": 2}}}},
        {"storage": {"region": "eu-west-1"}},
        {"database": {"existingSecret": "another"}},
    ],
    ids=str,
)
def test_change_is_a_second_cluster_that_waits_for_the_firsts_jobs(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    found = preview(tmp_path, render(profile("gpu")), render(profile("gpu", change)))
    assert found.verdict is Verdict.SECOND_CLUSTER
    assert found.extra_gpus >= 4
    assert found.drain is not None
    assert found.drain.at_most_s >= 960
    assert not [note for note in found.notes if "preStop" in note]
