"""A Ray of our own on this machine, with the three stage applications on it.

Ray 2.60 wants a token from every client and would write one below the home folder. We keep the
protection (another user of the machine must not run code in our cluster) and leave no file: each
start makes a token that lives in the environment of our own processes only.
"""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from telecine_platform.errors import GangBroken
from telecine_platform.records import Stage
from telecine_platform.settings import Settings, export_variables

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

    from telecine_serve.apps.build import max_replicas, stage_application
    from telecine_serve.gang.placement import num_cpus_for

    num_cpu_replicas = sum(max_replicas(stage, settings) for stage in Stage)
    num_cpus = num_cpus_for(
        settings.num_ranks, max_replicas(Stage.GENERATION, settings), num_cpu_replicas
    )
    report("starting Ray")
    ray.init(
        "local",  # never join a Ray that happens to run here
        num_cpus=max(round(num_cpus + 0.5), os.cpu_count() or 1),
        object_store_memory=OBJECT_STORE_BYTES,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        namespace="telecine",
    )
    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    try:
        serve.start(proxy_location="Disabled", logging_config={"log_level": "WARNING"})
        report("starting the three stages")
        serve.run_many(  # Serve is ours alone: no HTTP proxy, the API stands outside
            [
                serve.RunTarget(stage_application(stage, settings), stage.value, None)
                for stage in Stage
            ],
            wait_for_applications_running=False,
            wait_for_ingress_deployment_creation=False,
        )
        wait_until_running(report)
        yield
        report("draining")
        _drain(settings.drain_s)
    finally:
        ray.shutdown()


def wait_until_running(report: Callable[[str], None]) -> None:
    """Wait for the three applications; raises `GangBroken` for one that does not start."""
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
        missing = {stage.value for stage in Stage if states.get(stage) != "RUNNING"}
        if not missing:
            return
        if missing != waiting:
            waiting = missing
            report(f"waiting for {', '.join(sorted(missing))}")
        time.sleep(0.2)
    raise GangBroken(f"{', '.join(sorted(waiting))} not ready after {DEPLOY_TIMEOUT_S:g} s")


def _drain(drain_s: float) -> None:
    """Take the applications down; each replica ends its job before it goes."""
    from ray import serve

    for stage in Stage:
        serve.delete(stage.value, _blocking=False)
    deadline = time.monotonic() + drain_s
    while serve.status().applications and time.monotonic() < deadline:
        time.sleep(0.2)
