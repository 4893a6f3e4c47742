"""What a changed `serveConfigV2` does to running replicas. Pure.

Source: ray 2.60, `serve/_private/application_state.py: get_app_code_version` and
`serve/_private/version.py: DeploymentVersion.requires_actor_restart`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import yaml

from telecine_platform.errors import InvalidRequest
from telecine_platform.k8s.manifests import Manifest

_NEW_CODE = ("import_path", "runtime_env", "args")
_NEW_ACTOR = (
    "ray_actor_options",
    "placement_group_bundles",
    "placement_group_strategy",
    "placement_group_bundle_label_selector",
    "placement_group_fallback_strategy",
    "max_replicas_per_node",
    "gang_scheduling_config",
)


class AppEffect(StrEnum):
    """What happens to an application's replicas."""

    ADDED = "starts"
    REMOVED = "is drained and ends"
    RESTARTED = "is drained and starts anew"
    UPDATED = "goes on, with new options"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppChange:
    """One Serve application that changes."""

    name: str
    effect: AppEffect

    @property
    def is_drained(self) -> bool:
        return self.effect in (AppEffect.REMOVED, AppEffect.RESTARTED)


def app_changes(old_config: str, new_config: str) -> tuple[AppChange, ...]:
    """Compare two `serveConfigV2` texts; applications that stay as they are are left out."""
    old, new = apps_of(old_config), apps_of(new_config)
    changes = []
    for name in dict.fromkeys([*old, *new]):
        effect = _effect(old.get(name), new.get(name))
        if effect is not None:
            changes.append(AppChange(name=name, effect=effect))
    return tuple(changes)


def apps_of(config: str) -> Mapping[str, Manifest]:
    """The applications of a `serveConfigV2` by name; none of an empty text. Raises `InvalidRequest`
    for anything else.
    """
    if not config:
        return {}
    try:
        parsed = yaml.safe_load(config)
        return {app["name"]: app for app in parsed["applications"]}
    except (yaml.YAMLError, TypeError, KeyError) as error:
        raise InvalidRequest(f"serveConfigV2 lists no named applications: {error!r}") from error


def settings_of_apps(config: str) -> dict[str, object]:
    """The settings that the applications are given as `args` (`apps/arguments.py`)."""
    found: dict[str, object] = {}
    for app in apps_of(config).values():
        found |= (app.get("args") or {}).get("settings") or {}
    return found


def _effect(old: Manifest | None, new: Manifest | None) -> AppEffect | None:
    if old is None or new is None:
        return AppEffect.ADDED if old is None else AppEffect.REMOVED
    if old == new:
        return None
    is_new_code = any((old.get(name) or {}) != (new.get(name) or {}) for name in _NEW_CODE)
    if is_new_code or _actors(old) != _actors(new):
        return AppEffect.RESTARTED
    return AppEffect.UPDATED


def _actors(app: Manifest) -> dict[str, dict[str, Any]]:  # Any: Serve's own options
    """What the replicas of each deployment are made with, where the config says it."""
    options = {
        deployment["name"]: {name: deployment[name] for name in _NEW_ACTOR if name in deployment}
        for deployment in app.get("deployments") or []
    }
    return {name: given for name, given in options.items() if given}
