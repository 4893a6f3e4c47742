"""`telecine status` and `telecine doctor --cluster` against an emulated cluster."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from telecine_platform.errors import SettingsError
from telecine_platform.jobs.store import JobStore
from telecine_serve.cli.main import cli
from tests.kubernetes_api import KubernetesApi, kubernetes_api
from tests.records import at, spec
from tests.telecine_platform.k8s.installed import install, service


@pytest.fixture
def api(tmp_path: Path) -> Iterator[KubernetesApi]:
    with kubernetes_api(tmp_path) as running:
        install(running)
        yield running


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[JobStore]:
    url = f"sqlite:///{tmp_path / 'jobs.db'}"
    monkeypatch.setenv("TELECINE_DATABASE_URL", url)
    store = JobStore(url)
    store.create_tables()
    yield store
    store.close()


def run(api: KubernetesApi, *arguments: str) -> Result:
    where = ["--name", "telecine", "--kubeconfig", str(api.kubeconfig)]
    return CliRunner().invoke(cli, [*arguments, *where], catch_exceptions=False)


def test_status_shows_the_service_and_its_queues(api: KubernetesApi, jobs: JobStore) -> None:
    jobs.submit(job_id="video_1", tenant_id="acme", spec=spec(), traceparent="", now=at(0))
    shown = run(api, "status")
    assert shown.output.splitlines()[0] == "RayService video/telecine: Running (Ready)"
    assert "1 whole of 1 wanted, 2 of 2 pods run, 16 GPUs" in shown.output
    assert "screening   1 queued, 0 running" in shown.output
    found = json.loads(run(api, "status", "--json").output)
    assert found["service"]["healthy"] is True
    assert found["queues"]["screening"]["num_queued"] == 1


@pytest.mark.usefixtures("jobs")
def test_status_exits_with_1_for_a_service_that_is_not_healthy(api: KubernetesApi) -> None:
    api.put(service(conditions=[]))
    assert run(api, "status").exit_code == 1


@pytest.mark.usefixtures("jobs")
def test_a_halt_ordered_from_outside_shows_in_the_status(api: KubernetesApi) -> None:
    ordered = CliRunner().invoke(
        cli, ["halt", "order", "model", "embedded", "--reason", "A takedown."]
    )
    assert ordered.exit_code == 0
    assert "halted      model embedded (wait): A takedown." in run(api, "status").output


def test_status_of_an_empty_database_says_which_one_it_wants(
    api: KubernetesApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TELECINE_DATABASE_URL", f"sqlite:///{tmp_path / 'empty.db'}")
    with pytest.raises(SettingsError, match="set TELECINE_DATABASE_URL"):
        run(api, "status")


def test_doctor_tries_the_pods_bucket_from_here(
    api: KubernetesApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TELECINE_S3_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "topsecret")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    shown = run(api, "doctor", "--cluster", "--json")
    found = {each["what"]: each for each in json.loads(shown.output)}
    assert shown.exit_code == 0
    assert found["bucket"]["level"] == "note"
    assert "topsecret" not in shown.output
    assert found["GPU nodes for generation"]["level"] == "ok"


def test_doctor_exits_with_1_when_something_is_missing(api: KubernetesApi) -> None:
    api.drop("Secret", "database")
    assert run(api, "doctor", "--cluster").exit_code == 1
