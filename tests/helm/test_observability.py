"""Alerts and dashboards ask for figures that somebody exports."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray
from prometheus_client import CollectorRegistry, generate_latest

from telecine_platform.api.metrics import HttpMetrics, JobCollector, read_job_figures
from telecine_platform.clock import utc_now
from telecine_platform.jobs.store import JobStore
from telecine_platform.records import JobState, Stage
from tests.helm.chart import of_kind, one, profile, render

WATCHED = {
    "alerts": {"enabled": True},
    "dashboards": {"enabled": True},
    "metrics": {"podMonitors": True},
}


def expressions() -> Iterator[str]:
    documents = render(profile("gpu", WATCHED))
    for group in one(documents, "PrometheusRule")["spec"]["groups"]:
        yield from (rule["expr"] for rule in group["rules"])
    for board in of_kind(documents, "ConfigMap"):
        for text in board["data"].values():
            for panel in json.loads(text)["panels"]:
                yield from (target["expr"] for target in panel["targets"])


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What `/metrics` of the API says."""
    jobs = JobStore(f"sqlite:///{tmp_path_factory.mktemp('metrics') / 'jobs.db'}")
    jobs.create_tables()
    registry = CollectorRegistry()
    HttpMetrics(registry).observe(route="/v1/videos", method="POST", status=200, duration_s=0.1)
    collector = JobCollector()
    collector.figures = read_job_figures(jobs, utc_now(), ("embedded",))
    registry.register(collector)
    jobs.close()
    return generate_latest(registry).decode()


def test_every_figure_of_ours_is_exported(exported: str) -> None:
    names = {name for text in expressions() for name in re.findall(r"\btelecine_\w+", text)}
    names -= {"telecine_release"}
    assert len(names) >= 8
    assert [name for name in sorted(names) if f"\n{name}" not in exported] == []


def test_every_figure_of_ray_is_in_ray() -> None:
    """Ray puts `ray_` before a metric's name, and `_total` behind a counter's."""
    names = {name for text in expressions() for name in re.findall(r"\bray_\w+", text)}
    folder = Path(ray.__file__).parent
    files = ["_private/metrics_agent.py", "dashboard/modules/reporter/reporter_agent.py"]
    sources = [(folder / file).read_text() for file in files]
    sources += [path.read_text() for path in (folder / "serve" / "_private").rglob("*.py")]
    known = "".join(sources)
    assert len(names) >= 5
    for name in names:
        bare = name.removeprefix("ray_").removesuffix("_total")
        assert f'"{bare}"' in known, name


def test_stages_and_outcomes_are_ours() -> None:
    for text in expressions():
        for stage in re.findall(r'stage="(\w+)"', text):
            assert stage in set(Stage)
        for outcomes in re.findall(r'outcome=~?"([\w|]+)"', text):
            assert set(outcomes.split("|")) <= set(JobState)


def test_queues_are_split_by_model() -> None:
    texts = [text for text in expressions() if re.search(r"telecine_(jobs|oldest|workers)", text)]
    assert len(texts) >= 6
    for text in texts:
        assert re.search(r"max by \((stage, )?model\)", text), text


def test_brackets_of_every_expression_close() -> None:
    for text in expressions():
        for opening, closing in ("()", "{}", "[]"):
            assert text.count(opening) == text.count(closing), text


def test_expressions_ask_for_this_release_only() -> None:
    for text in expressions():
        for selector in re.findall(
            r"(?:telecine|ray)_\w+(\{[^}]*\})?", text.replace("telecine_release", "")
        ):
            assert 't2v"' in selector, text


def test_every_part_is_monitored_at_a_port_that_it_has() -> None:
    documents = render(profile("gpu", WATCHED))
    parts = [monitor["metadata"]["name"] for monitor in of_kind(documents, "PodMonitor")]
    assert parts == [f"t2v-{p}" for p in ("api", "generation", "head", "moderation", "screening")]
