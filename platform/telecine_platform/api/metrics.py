"""What Prometheus reads: the jobs as the store has them, the requests as this process saw them.

Every API process shows the same job figures, so a query takes their maximum, not their sum. The
label `model` is a served model's name or `other`, and empty outside generation: callers cannot make
series.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from telecine_platform.errors import StoreUnavailable
from telecine_platform.jobs.store import JobStore
from telecine_platform.jobs.workers import count_idle
from telecine_platform.records import NO_BACKLOG, Backlog, Stage

_PLACE = ("stage", "model")
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


OTHER = "other"
"""Models that wait in the store and are not served any more, together."""
Place = tuple[Stage, str]
"""A stage, and in generation the model; else an empty text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFigures:
    """The store's figures at one moment."""

    backlogs: Mapping[Place, Backlog]
    num_idle: Mapping[Place, int]
    """Workers that are there and have no job; a generation worker is a gang."""
    totals: Sequence[Any]
    """Any: the store's rows of (stage, outcome, num_jobs, wait_s, work_s)."""


def read_job_figures(jobs: JobStore, now: datetime, models: Collection[str]) -> JobFigures | None:
    """Ask the store, for the models that are served; None when it does not answer."""
    stages = [stage for stage in Stage if stage is not Stage.GENERATION]
    try:
        backlogs: dict[Place, Backlog] = {(stage, ""): jobs.backlog(stage, now) for stage in stages}
        by_model = served_backlogs(jobs.backlogs(Stage.GENERATION, now), models)
        backlogs |= {(Stage.GENERATION, model): backlog for model, backlog in by_model.items()}
        with jobs.database.read() as connection:
            num_idle: dict[Place, int] = {
                (stage, ""): count_idle(connection, stage, now) for stage in stages
            }
            num_idle |= {
                (Stage.GENERATION, model): count_idle(connection, Stage.GENERATION, now, model)
                for model in models
            }
        return JobFigures(backlogs=backlogs, num_idle=num_idle, totals=jobs.totals())
    except StoreUnavailable:
        return None


def served_backlogs(by_model: Mapping[str, Backlog], models: Collection[str]) -> dict[str, Backlog]:
    """One for each served model, and one for all others if any of them has jobs. Pure."""
    served = {model: by_model.get(model, NO_BACKLOG) for model in models}
    others = [backlog for model, backlog in by_model.items() if model not in served]
    if not others:
        return served
    together = Backlog(
        num_queued=sum(each.num_queued for each in others),
        num_running=sum(each.num_running for each in others),
        oldest_age_s=max(each.oldest_age_s for each in others),
    )
    return served | {OTHER: together}


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


def _gauges(backlogs: Mapping[Place, Backlog]) -> Iterator[Metric]:
    queued = GaugeMetricFamily("telecine_jobs_queued", "Jobs that wait", labels=_PLACE)
    running = GaugeMetricFamily("telecine_jobs_running", "Jobs being worked on", labels=_PLACE)
    oldest = GaugeMetricFamily(
        "telecine_oldest_queued_seconds", "Age of the job waiting longest", labels=_PLACE
    )
    for place, backlog in backlogs.items():
        queued.add_metric(place, backlog.num_queued)
        running.add_metric(place, backlog.num_running)
        oldest.add_metric(place, backlog.oldest_age_s)
    yield from (queued, running, oldest)


def _idle(num_idle: Mapping[Place, int]) -> Metric:
    idle = GaugeMetricFamily(
        "telecine_workers_idle", "Workers without a job; of generation: gangs", labels=_PLACE
    )
    for place, number in num_idle.items():
        idle.add_metric(place, number)
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
