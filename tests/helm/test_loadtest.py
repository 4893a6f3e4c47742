"""The chart's load test: its Job runs the driver that the API's image has, once for each set of
values.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.helm.chart import CHART, Document, of_kind, one, profile, render
from tests.telecine_platform.api.house import open_house

NOT_IN_THE_IMAGE = ("torch", "ray", "psutil", "pytest", "tests")


def job_of(changes: dict[str, Any], name: str = "cpu-demo") -> Document:
    (job,) = [
        job
        for job in of_kind(
            render(profile(name, {"loadTest": {"enabled": True}}, {"loadTest": changes})), "Job"
        )
        if "-loadtest-" in job["metadata"]["name"]
    ]
    return job


def container_of(job: Document) -> Document:
    (container,) = job["spec"]["template"]["spec"]["containers"]
    return dict(container)


def test_without_being_asked_for_there_is_no_load() -> None:
    documents = render(profile("cpu-demo"))
    assert not [d for d in documents if "loadtest" in str(d.get("metadata", {}).get("name"))]


def test_the_same_values_are_the_same_job_and_others_are_another() -> None:
    first, again, other = job_of({}), job_of({}), job_of({"seed": 2})
    assert first == again
    assert first["metadata"]["name"] != other["metadata"]["name"]
    assert first["spec"]["backoffLimit"] == 0


def test_another_image_is_another_job() -> None:
    images = {"images": {"api": {"tag": "0.1.1"}}}
    changed = render(profile("cpu-demo", {"loadTest": {"enabled": True}}, images))
    names = {job["metadata"]["name"] for job in of_kind(changed, "Job")}
    assert job_of({})["metadata"]["name"] not in names


def test_the_key_and_the_bucket_reach_the_pod_only_where_they_are_needed() -> None:
    container = container_of(job_of({"apiKeySecret": "smoke-key"}, "gpu"))
    assert "--api-key-file=/etc/telecine/api-key/key" in container["command"]
    assert "TELECINE_STORAGE_URL" in {each["name"] for each in container["env"]}
    logged = container_of(job_of({"apiKeySecret": "smoke-key", "report": "log"}, "gpu"))
    assert "--publish" not in logged["command"]
    assert {each["name"] for each in logged["env"]} == {"HOME", "TELECINE_DATA_DIR"}


def test_only_the_api_and_the_bucket_are_in_its_reach() -> None:
    documents = render(profile("cpu-demo", {"loadTest": {"enabled": True}}))
    own = one(documents, "NetworkPolicy", "-loadtest")["spec"]
    assert own["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in own
    peers = [
        peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"]
        for rule in own["egress"]
        for peer in rule["to"]
        if "podSelector" in peer
    ]
    assert peers == ["api"]


def test_rendered_command_runs_with_what_the_image_has(tmp_path: Path) -> None:
    """The house is the real API with fake stages; the rest of this environment is kept away."""
    shutil.copytree(CHART.parents[1] / "loadtests", tmp_path / "loadtests")
    changes = {"numJobs": 2, "ratesPerMinute": [600, 1200], "seconds": [1], "sizes": ["64x64"]}
    _, _, _, *arguments = container_of(job_of(changes))["command"]
    kept_away = f"for name in {NOT_IN_THE_IMAGE}: sys.modules[name] = None"
    program = (
        f"import runpy, sys\n{kept_away}\n"
        "runpy.run_module('loadtests.replay', run_name='__main__', alter_sys=True)"
    )
    with open_house(tmp_path) as house, house.working():
        given = [a if not a.startswith("--url=") else f"--url={house.url}" for a in arguments]
        done = subprocess.run(
            [sys.executable, "-c", program, *given],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "TELECINE_STORAGE_URL": f"file://{tmp_path / 'b'}"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("completed            2") == 2
    assert {file.name for file in (tmp_path / "b" / "loadtests").rglob("report.*")} >= {
        "report.html", "report.json", "report.svg",
    }  # fmt: skip


def test_the_image_has_the_folder_that_the_job_works_in() -> None:
    text = (CHART.parents[1] / "images" / "api.Dockerfile").read_text()
    assert "\nCOPY loadtests /opt/loadtests/loadtests\n" in text
    assert container_of(job_of({}))["workingDir"] == "/opt/loadtests"
