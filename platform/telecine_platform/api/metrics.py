"""What Prometheus reads: the jobs as the store has them, the requests as this process saw them.

Every API process shows the same job figures, so a query takes their maximum, not their sum.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from telecine_platform.errors import StoreUnavailable
from telecine_platform.jobs.store import JobStore
from telecine_platform.jobs.workers import count_idle
from telecine_platform.records import Backlog, Stage

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class HttpMetrics:
    """Requests by route template: a raw path would make a new series per video."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "telecine_http_requests",
            "Requests answered; status 0: the caller left first",
            ("route", "method", "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            "telecine_http_request_seconds",
            "Time from a request's head to its answer's last byte",
            ("route",),
            buckets=_BUCKETS_S,
            registry=registry,
        )

    def observe(self, *, route: str, method: str, status: int, duration_s: float) -> None:
        known = method if method in _METHODS else "OTHER"
        self._requests.labels(route, known, str(status)).inc()
        self._seconds.labels(route).observe(duration_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFigures:
    """The store's figures at one moment."""

    backlogs: Mapping[Stage, Backlog]
    num_idle: Mapping[Stage, int]
    """Workers that are there and have no job; a generation worker is a gang."""
    totals: Sequence[Any]
    """Any: the store's rows of (stage, outcome, num_jobs, wait_s, work_s)."""


def read_job_figures(jobs: JobStore, now: datetime) -> JobFigures | None:
    """Ask the store; None when it does not answer."""
    try:
        backlogs = {stage: jobs.backlog(stage, now) for stage in Stage}
        with jobs.database.read() as connection:
            num_idle = {stage: count_idle(connection, stage, now) for stage in Stage}
        return JobFigures(backlogs=backlogs, num_idle=num_idle, totals=jobs.totals())
    except StoreUnavailable:
        return None


class JobCollector(Collector):
    """Shows the figures that were read last. Without a database only that it is down is shown."""

    def __init__(self) -> None:
        self.figures: JobFigures | None = None

    def collect(self) -> Iterator[Metric]:
        is_up = self.figures is not None
        yield GaugeMetricFamily("telecine_database_up", "Whether the database answered", int(is_up))
        if self.figures is not None:
            yield from _gauges(self.figures.backlogs)
            yield _idle(self.figures.num_idle)
            yield from _counters(self.figures.totals)


def _gauges(backlogs: Mapping[Stage, Backlog]) -> Iterator[Metric]:
    queued = GaugeMetricFamily("telecine_jobs_queued", "Jobs that wait", labels=["stage"])
    running = GaugeMetricFamily("telecine_jobs_running", "Jobs being worked on", labels=["stage"])
    oldest = GaugeMetricFamily(
        "telecine_oldest_queued_seconds", "Age of the job waiting longest", labels=["stage"]
    )
    for stage, backlog in backlogs.items():
        queued.add_metric([stage.value], backlog.num_queued)
        running.add_metric([stage.value], backlog.num_running)
        oldest.add_metric([stage.value], backlog.oldest_age_s)
    yield from (queued, running, oldest)


def _idle(num_idle: Mapping[Stage, int]) -> Metric:
    idle = GaugeMetricFamily(
        "telecine_workers_idle", "Workers without a job; of generation: gangs", labels=["stage"]
    )
    for stage, number in num_idle.items():
        idle.add_metric([stage.value], number)
    return idle


def _counters(totals: Sequence[Any]) -> Iterator[Metric]:
    labels = ["stage", "outcome"]
    num_jobs = CounterMetricFamily("telecine_stage_jobs", "Stage runs that ended", labels=labels)
    wait_s = CounterMetricFamily(
        "telecine_stage_wait_seconds", "Time from queueing to claim, summed", labels=labels
    )
    work_s = CounterMetricFamily(
        "telecine_stage_work_seconds", "Time from claim to outcome, summed", labels=labels
    )
    for row in totals:
        names = [str(row.stage), str(row.outcome)]
        num_jobs.add_metric(names, row.num_jobs)
        wait_s.add_metric(names, row.wait_s)
        work_s.add_metric(names, row.work_s)
    yield from (num_jobs, wait_s, work_s)
