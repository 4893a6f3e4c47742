"""`telecine upgrade preview` as an operator runs it, on files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from telecine_platform.errors import TelecineError
from telecine_platform.jobs.store import JobStore
from telecine_platform.records import Stage
from telecine_serve.cli.main import cli
from tests.records import at, spec
from tests.telecine_platform.k8s.releases import Spec, change_app, changed, pod, ray_service


def preview(tmp_path: Path, new: Spec, *options: str) -> Result:
    for name, service in (("old", ray_service()), ("new", new)):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(service))
    paths = [str(tmp_path / "old.yaml"), str(tmp_path / "new.yaml")]
    return CliRunner().invoke(cli, ["upgrade", "preview", *paths, *options], catch_exceptions=False)


def set_image(service: Spec) -> None:
    pod(service)["containers"][0]["image"] = "registry/worker:2"


def test_the_headline_says_what_it_costs(tmp_path: Path) -> None:
    said = preview(tmp_path, changed(set_image), "--start-s", "300").output
    assert said.splitlines()[0] == (
        "RayService telecine: a second cluster, +17 GPUs (up to +68 as the queue asks) "
        "for 32 minutes"
    )
    assert "workerGroupSpecs[generation].template.spec.containers[ray].image" in said
    assert "after 20 minutes, when the old cluster is deleted; each may finish its job" in said


def test_json_is_one_record_for_each_service(tmp_path: Path) -> None:
    found = json.loads(preview(tmp_path, changed(set_image), "--json").output)
    assert (found["name"], found["verdict"]) == ("telecine", "a second cluster")
    assert found["jobs"] is None


def test_running_jobs_are_asked_of_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'jobs.db'}"
    job_id = _run_a_clip(url)
    monkeypatch.setenv("TELECINE_DATABASE_URL", url)
    new = changed(lambda service: change_app(service, "generation", import_path="x:generation"))
    found = json.loads(preview(tmp_path, new, "--jobs", "--json").output)
    assert found["verdict"] == "in place"
    assert [(job["job_id"], job["fate"]) for job in found["jobs"]] == [(job_id, "is waited for")]
    assert "1 is waited for" in preview(tmp_path, new, "--jobs").output


def _run_a_clip(url: str) -> str:
    """A job in a gang's hands, started long ago at 0 %, so that it needs a part of its price."""
    jobs = JobStore(url)
    jobs.create_tables()
    jobs.submit(job_id="video_1", tenant_id="acme", spec=spec(), traceparent="", now=at(0))
    screened = jobs.claim(Stage.SCREENING, "screener", 60, at(0))
    assert screened is not None
    jobs.hand_over(screened, None, at(1))
    assert jobs.claim(Stage.GENERATION, "gang", 1e9, at(1), num_gpus=2) is not None
    with jobs.database.write() as connection:
        connection.exec_driver_sql("UPDATE jobs SET price_gpu_s = 400")
    jobs.close()
    return "video_1"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "cannot be read as YAML"),
        ("kind: Pod", "no manifest"),
        ("kind: Pod\nmetadata: {name: a}", "no RayService"),
        ("kind: RayService\nmetadata: {name: a}\nspec: {}", "no rayClusterConfig"),
    ],
)
def test_files_that_are_no_release_are_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(TelecineError, match=said):
        CliRunner().invoke(
            cli, ["upgrade", "preview", str(file), str(file)], catch_exceptions=False
        )


@pytest.mark.parametrize("make", [Path.mkdir, Path.exists])
def test_an_empty_or_missing_place_is_refused(
    tmp_path: Path, make: Callable[[Path], object]
) -> None:
    make(tmp_path / "place")
    place = str(tmp_path / "place")
    with pytest.raises(TelecineError, match="place"):
        CliRunner().invoke(cli, ["upgrade", "preview", place, place], catch_exceptions=False)


def test_a_folder_is_read_whole_and_other_objects_are_named(tmp_path: Path) -> None:
    for name, replicas in (("old", 2), ("new", 3)):
        folder = tmp_path / name / "templates"
        folder.mkdir(parents=True)
        (folder / "service.yaml").write_text(yaml.safe_dump(ray_service()))
        api = {"kind": "Deployment", "metadata": {"name": "api"}, "spec": {"replicas": replicas}}
        (folder / "api.yaml").write_text(yaml.safe_dump(api))
    paths = [str(tmp_path / "old"), str(tmp_path / "new")]
    said = CliRunner().invoke(cli, ["upgrade", "preview", *paths]).output.splitlines()
    assert said == ["RayService telecine: nothing changes", "Deployment/api changes"]
