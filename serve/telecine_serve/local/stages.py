"""A Ray of our own on this machine with the stages on it: an application each, of generation one
for each model.

Ray 2.60 wants a token from every client and would write one below the home folder. We keep the
protection (another user of the machine must not run code in our cluster) and leave no file: each
start makes a token that lives in the environment of our own processes only.
"""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from telecine_platform.errors import GangBroken
from telecine_platform.records import Stage
from telecine_platform.scheduling.pools import workers_on_one_machine
from telecine_platform.settings import Settings, export_variables
from telecine_serve.apps.arguments import StageArguments
from telecine_serve.gang.placement import REPLICA_CPUS, gang_cpus

DEPLOY_TIMEOUT_S = 300.0
OBJECT_STORE_BYTES = 256 * 1024 * 1024
"""Room for the frames on their way from rank 0 to its replica."""

RAY_ENVIRONMENT = {
    "RAY_AUTH_MODE": "token",
    "RAY_USAGE_STATS_ENABLED": "0",
    # No pip or conda environment is built for us, and no metrics are read from Ray's agents.
    "RAY_enable_metrics_collection": "0",
    "RAY_SERVE_ENABLE_TASK_EVENTS": "0",
}


@contextmanager
def local_stages(settings: Settings, report: Callable[[str], None]) -> Iterator[None]:
    """Run the stages until the block ends, then let each finish its job in hand.

    `report` is told what is being waited for. Raises `GangBroken` when a stage does not start.
    """
    export_variables(RAY_ENVIRONMENT | {"RAY_AUTH_TOKEN": secrets.token_hex(16)})
    import ray
    from ray import serve

    from telecine_serve.apps.build import stage_application

    applications = _applications(settings)
    names = [application.name for application in applications]
    report("starting Ray")
    ray.init(
        "local",  # never join a Ray that happens to run here
        num_cpus=max(round(_num_cpus(applications) + 0.5), os.cpu_count() or 1),
        object_store_memory=OBJECT_STORE_BYTES,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        namespace="telecine",
    )
    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    try:
        serve.start(proxy_location="Disabled", logging_config={"log_level": "WARNING"})
        report(f"starting {', '.join(names)}")
        serve.run_many(  # Serve is ours alone: no HTTP proxy, the API stands outside
            [
                serve.RunTarget(
                    stage_application(each.stage, each.settings, each.arguments), each.name, None
                )
                for each in applications
            ],
            wait_for_applications_running=False,
            wait_for_ingress_deployment_creation=False,
        )
        wait_until_running(names, report)
        yield
        report("draining")
        _drain(names, settings.drain_s)
    finally:
        ray.shutdown()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Application:
    name: str
    stage: Stage
    settings: Settings
    arguments: StageArguments


def _applications(settings: Settings) -> list[_Application]:
    """The stages, and generation once more for each of `more_models`: `generation-NAME`."""
    applications = [
        _Application(name=stage.value, stage=stage, settings=settings, arguments=StageArguments())
        for stage in Stage
    ]
    for worker in workers_on_one_machine(settings)[1:]:
        applications.append(
            _Application(
                name=f"{Stage.GENERATION}-{worker.model}",
                stage=Stage.GENERATION,
                settings=worker.settings,
                arguments=StageArguments(settings=worker.overrides),
            )
        )
    return applications


def _num_cpus(applications: list[_Application]) -> float:
    """Logical CPUs that Ray must offer so that every replica and every gang finds its place."""
    from telecine_serve.apps.build import max_replicas  # it imports Ray

    return sum(
        max_replicas(each.stage, each.settings)
        * (gang_cpus(each.settings.num_ranks) if each.stage is Stage.GENERATION else REPLICA_CPUS)
        for each in applications
    )


def wait_until_running(names: Collection[str], report: Callable[[str], None]) -> None:
    """Wait for these applications; raises `GangBroken` for one that does not start."""
    from ray import serve

    deadline = time.monotonic() + DEPLOY_TIMEOUT_S
    waiting: set[str] = set()
    while time.monotonic() < deadline:
        applications = serve.status().applications
        states = {name: app.status.value for name, app in applications.items()}
        failed = [name for name, state in states.items() if state == "DEPLOY_FAILED"]
        if failed:
            failure = applications[failed[0]]
            reasons = [failure.message, *(d.message for d in failure.deployments.values())]
            raise GangBroken(f"{failed[0]} did not start: {' '.join(reasons)}")
        missing = {name for name in names if states.get(name) != "RUNNING"}
        if not missing:
            return
        if missing != waiting:
            waiting = missing
            report(f"waiting for {', '.join(sorted(missing))}")
        time.sleep(0.2)
    raise GangBroken(f"{', '.join(sorted(waiting))} not ready after {DEPLOY_TIMEOUT_S:g} s")


def _drain(names: Collection[str], drain_s: float) -> None:
    """Take the applications down; each replica ends its job before it goes."""
    from ray import serve

    for name in names:
        serve.delete(name, _blocking=False)
    deadline = time.monotonic() + drain_s
    while serve.status().applications and time.monotonic() < deadline:
        time.sleep(0.2)
