"""`telecine status`: a cluster's applications, gangs and GPUs, and what the queues hold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from telecine_platform.clock import utc_now
from telecine_platform.errors import SettingsError
from telecine_platform.halts.records import Halt
from telecine_platform.halts.store import HaltStore
from telecine_platform.jobs.store import JobStore
from telecine_platform.jobs.workers import count_idle
from telecine_platform.k8s.client import open_cluster
from telecine_platform.k8s.status import RayClusterStatus, ServiceStatus, read_status
from telecine_platform.records import Backlog, Stage
from telecine_platform.settings import Settings
from telecine_serve.cli.reporting import reporting, settings_of, show


@dataclass(frozen=True, slots=True, kw_only=True)
class Queues:
    """What the job store shows."""

    backlogs: dict[str, Backlog]
    idle_gangs: int
    halts: list[Halt]


@click.command()
@click.option("--name", default="telecine-stages", show_default=True, help="The RayService's name.")
@click.option("--namespace", "-n", default=None, help="The context's own if not given.")
@click.option("--context", "kube_context", default=None, help="Of the kubeconfig.")
@click.option("--kubeconfig", type=click.Path(path_type=Path), default=None)
@click.option("--queues-only", is_flag=True, help="Ask the job store and no cluster.")
@reporting
@click.pass_context
def status(
    context: click.Context,
    name: str,
    namespace: str | None,
    kube_context: str | None,
    kubeconfig: Path | None,
    queues_only: bool,
) -> None:
    """Show what runs, what waits and what is halted; exit code 1 when the service is not healthy.

    The queues are those of the settings' database: set TELECINE_DATABASE_URL to the cluster's.
    """
    service = None
    if not queues_only:
        cluster = open_cluster(namespace=namespace, context=kube_context, kubeconfig=kubeconfig)
        service = read_status(cluster, name)
    queues = _read_queues(settings_of(context))
    view = {
        "service": None if service is None else asdict(service) | {"healthy": service.is_healthy},
        "queues": {stage: asdict(each) for stage, each in queues.backlogs.items()},
        "idle_gangs": queues.idle_gangs,
        "halts": [f"{halt.kind} {halt.value}" for halt in queues.halts],
    }
    show(context, view, "\n".join([*_service_lines(service), *_queue_lines(queues)]))
    context.exit(0 if service is None or service.is_healthy else 1)


def _read_queues(settings: Settings) -> Queues:
    now = utc_now()
    with closing(JobStore(settings.resolved_database_url)) as jobs:
        if jobs.database.revision() is None:
            raise SettingsError(
                f"the job database {jobs.database.where} is empty: "
                "set TELECINE_DATABASE_URL to the cluster's"
            )
        with jobs.database.read() as connection:
            idle_gangs = count_idle(connection, Stage.GENERATION, now)
        return Queues(
            backlogs={stage.value: jobs.backlog(stage, now) for stage in Stage},
            idle_gangs=idle_gangs,
            halts=HaltStore(jobs.database).in_force(),
        )


def _service_lines(service: ServiceStatus | None) -> Iterator[str]:
    if service is None:
        return
    conditions = ", ".join(service.conditions) or "no condition holds"
    yield f"RayService {service.namespace}/{service.name}: {service.status} ({conditions})"
    for cluster in service.clusters:
        yield f"  {cluster.role} cluster {cluster.name}: {cluster.state}, {cluster.gpus} GPUs"
        yield from _cluster_lines(cluster)


def _cluster_lines(cluster: RayClusterStatus) -> Iterator[str]:
    for app in cluster.apps:
        message = f": {app.message.splitlines()[0]}" if app.message else ""
        yield f"    application {app.name:<20} {app.status}{message}"
    for group in cluster.groups:
        yield (
            f"    group {group.name:<26} {group.whole_replicas} whole of {group.wanted_replicas} "
            f"wanted, {group.running_pods} of {group.pods} pods run, {group.gpus} GPUs"
        )


def _queue_lines(queues: Queues) -> Iterator[str]:
    for stage, backlog in queues.backlogs.items():
        yield (
            f"{stage:<11} {backlog.num_queued} queued, {backlog.num_running} running, "
            f"oldest {backlog.oldest_age_s:.0f} s"
        )
    working = queues.backlogs[Stage.GENERATION.value].num_running
    yield f"gangs       {working} at work, {queues.idle_gangs} idle"
    for halt in queues.halts:
        yield f"halted      {halt.kind} {halt.value} ({halt.mode}): {halt.reason}"
