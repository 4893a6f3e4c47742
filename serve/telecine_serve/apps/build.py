"""Settings -> the three Serve applications.

`screening`, `generation` and `moderation` are what a `serveConfigV2` names as `import_path`; the
settings come from the environment, as in every other process.
"""

from __future__ import annotations

from typing import Any

from ray import serve
from ray.serve.config import AutoscalingConfig, AutoscalingPolicy

from telecine_platform.records import Stage
from telecine_platform.settings import Settings, load_settings
from telecine_serve.apps.queue_policy import QueuePolicy
from telecine_serve.apps.replica import StageReplica
from telecine_serve.gang.placement import REPLICA_CPUS, gang_bundles

HEALTH_PERIOD_S = 2.0
"""Serve gives up on a replica after three failed checks."""
HEALTH_TIMEOUT_S = 20.0
"""Longer than a rank's ping may take."""


def screening(_args: dict[str, str]) -> serve.Application:
    return stage_application(Stage.SCREENING, load_settings())


def generation(_args: dict[str, str]) -> serve.Application:
    return stage_application(Stage.GENERATION, load_settings())


def moderation(_args: dict[str, str]) -> serve.Application:
    return stage_application(Stage.MODERATION, load_settings())


def stage_application(stage: Stage, settings: Settings) -> serve.Application:
    """The application of one stage, scaled by its own backlog."""
    options: dict[str, Any] = {  # Any: Serve's own keyword arguments
        "name": stage.value,
        "autoscaling_config": _autoscaling(stage, settings),
        "ray_actor_options": {"num_cpus": REPLICA_CPUS},
        "health_check_period_s": HEALTH_PERIOD_S,
        "health_check_timeout_s": HEALTH_TIMEOUT_S,
        # The drain: a replica that is taken down finishes its job first.
        "graceful_shutdown_timeout_s": settings.drain_s,
        "graceful_shutdown_wait_loop_s": 0.1,
    }
    if stage is Stage.GENERATION:
        options["placement_group_bundles"] = gang_bundles(settings.num_ranks, settings.rank_device)
        options["placement_group_strategy"] = "PACK"
    return serve.deployment(StageReplica, **options).bind(stage)


def max_replicas(stage: Stage, settings: Settings) -> int:
    return {
        Stage.SCREENING: settings.screening_max_replicas,
        Stage.GENERATION: settings.generation_max_replicas,
        Stage.MODERATION: settings.moderation_max_replicas,
    }[stage]


def _autoscaling(stage: Stage, settings: Settings) -> AutoscalingConfig:
    return AutoscalingConfig(
        min_replicas=settings.generation_min_replicas if stage is Stage.GENERATION else 1,
        max_replicas=max_replicas(stage, settings),
        upscale_delay_s=5.0,
        downscale_delay_s=60.0,
        policy=AutoscalingPolicy(policy_function=QueuePolicy, policy_kwargs={"stage": stage.value}),
    )
