"""The image files and the chart mean the same images."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.helm.chart import CHART, profile, ray_templates, render

ROOT = CHART.parents[1]
FILES = sorted((ROOT / "images").glob("*.Dockerfile"))


def instructions(file: Path) -> list[tuple[str, str]]:
    """(word, rest) of each instruction, continuation lines joined, comments left out."""
    text = re.sub(r"^\s*#.*\n", "", file.read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n", " ", text).splitlines()
    parted = [line.strip().partition(" ") for line in lines if line.strip()]
    return [(word, re.sub(r"\s+", " ", rest).strip()) for word, _, rest in parted]


def test_there_is_a_file_for_each_image() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())["images"]
    assert [f"telecine-{file.stem}" for file in FILES] == [
        values[name]["repository"] for name in ("api", "worker")
    ]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_image_runs_as_the_user_of_the_pods(file: Path) -> None:
    users = [rest for word, rest in instructions(file) if word == "USER"]
    pod = ray_templates(render(profile("gpu")))["head"]["spec"]["securityContext"]
    assert users == [f"{pod['runAsUser']}:{pod['runAsGroup']}"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_everything_is_pinned_and_has_its_bill_of_materials(file: Path) -> None:
    steps = instructions(file)
    (base,) = [rest for word, rest in steps if word == "ARG" and rest.startswith("PYTHON=")]
    assert re.fullmatch(r"PYTHON=\S+:3\.1[1-9]\.\d+-slim-\w+", base)
    assert {rest.split()[0] for word, rest in steps if word == "FROM"} == {"${PYTHON}"}
    installs = [rest for word, rest in steps if word == "RUN" and "pip install" in rest]
    for install in re.findall(r"pip install [^&;]*", " && ".join(installs)):
        assert "-c constraints.txt" in install or "==" in install or '"${torch}"' in install
    assert any("cyclonedx-py environment" in install for install in installs)


def test_api_image_has_no_torch() -> None:
    (install,) = [
        rest
        for word, rest in instructions(ROOT / "images" / "api.Dockerfile")
        if word == "RUN" and rest.endswith("constraints.txt .")
    ]
    assert "[" not in install  # no extra: `worker` has torch


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_copied_path_is_let_through(file: Path) -> None:
    allowed = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    copied = {
        source
        for word, rest in instructions(file)
        if word == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    }
    assert copied <= allowed
    assert all((ROOT / name).exists() for name in copied)


def test_chart_names_the_ray_that_is_in_the_image() -> None:
    pinned = re.search(r"^ray==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert pinned is not None
    assert yaml.safe_load((CHART / "values.yaml").read_text())["ray"]["version"] == pinned[1]
