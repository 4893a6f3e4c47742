"""Settings -> the three Serve applications.

`screening`, `generation` and `moderation` are what a `serveConfigV2` names as `import_path`, with
`arguments.py` as their `args`; the other settings come from the environment, as in every process.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ray import serve
from ray.serve.config import AutoscalingConfig, AutoscalingPolicy

from telecine_platform.records import Stage
from telecine_platform.settings import Settings
from telecine_serve.apps.arguments import StageArguments, arguments_from_args
from telecine_serve.apps.queue_policy import QueuePolicy
from telecine_serve.apps.replica import StageReplica
from telecine_serve.gang.placement import REPLICA_CPUS, gang_bundles

HEALTH_PERIOD_S = 2.0
"""Serve gives up on a replica after three failed checks."""
HEALTH_TIMEOUT_S = 20.0
"""Longer than a rank's ping may take."""


def screening(args: Mapping[str, object]) -> serve.Application:
    return _application_from_args(Stage.SCREENING, args)


def generation(args: Mapping[str, object]) -> serve.Application:
    return _application_from_args(Stage.GENERATION, args)


def moderation(args: Mapping[str, object]) -> serve.Application:
    return _application_from_args(Stage.MODERATION, args)


def _application_from_args(stage: Stage, args: Mapping[str, object]) -> serve.Application:
    arguments, settings = arguments_from_args(args)
    return stage_application(stage, settings, arguments)


def stage_application(
    stage: Stage, settings: Settings, arguments: StageArguments | None = None
) -> serve.Application:
    """The application of one stage, scaled by its own backlog. `arguments` are part of `settings`
    that its processes cannot find in their environment.
    """
    arguments = arguments or StageArguments()
    options: dict[str, Any] = {  # Any: Serve's own keyword arguments
        "name": stage.value,
        "autoscaling_config": _autoscaling(stage, settings, arguments),
        "ray_actor_options": {"num_cpus": REPLICA_CPUS, "resources": arguments.resources},
        "health_check_period_s": HEALTH_PERIOD_S,
        "health_check_timeout_s": HEALTH_TIMEOUT_S,
        # The drain: a replica that is taken down finishes its job first.
        "graceful_shutdown_timeout_s": settings.drain_s,
        "graceful_shutdown_wait_loop_s": 0.1,
    }
    if stage is Stage.GENERATION:
        options["placement_group_bundles"] = gang_bundles(
            settings.num_ranks, settings.rank_device, arguments.resources
        )
        options["placement_group_strategy"] = "PACK"
    return serve.deployment(StageReplica, **options).bind(stage, arguments.settings)


def min_replicas(stage: Stage, settings: Settings) -> int:
    return {
        Stage.SCREENING: settings.screening_min_replicas,
        Stage.GENERATION: settings.generation_min_replicas,
        Stage.MODERATION: settings.moderation_min_replicas,
    }[stage]


def max_replicas(stage: Stage, settings: Settings) -> int:
    return {
        Stage.SCREENING: settings.screening_max_replicas,
        Stage.GENERATION: settings.generation_max_replicas,
        Stage.MODERATION: settings.moderation_max_replicas,
    }[stage]


def _autoscaling(stage: Stage, settings: Settings, arguments: StageArguments) -> AutoscalingConfig:
    return AutoscalingConfig(
        min_replicas=min_replicas(stage, settings),
        max_replicas=max_replicas(stage, settings),
        upscale_delay_s=5.0,
        downscale_delay_s=60.0,
        policy=AutoscalingPolicy(
            policy_function=QueuePolicy,
            policy_kwargs={"stage": stage.value, "settings": arguments.settings},
        ),
    )
