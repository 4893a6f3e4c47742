"""What a `serveConfigV2` tells a stage's application: its `args`.

Settings that hold no secret travel here, so that changing one is an update in place: KubeRay hands
the new config to Serve, which replaces replicas one by one and lets each finish its job. The same
change in a pod's environment would make KubeRay build a second cluster. Whatever is here can be
read in Serve's status and logs, so what may hold a password stays in the environment.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, ValidationError

from telecine_platform.errors import SettingsError
from telecine_platform.settings import Settings, load_settings

_SECRET = ("database_url", "signing_key")


class StageArguments(BaseModel):
    """The `args` of one application."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    settings: dict[str, str | int | float] = {}
    """They win over the environment."""
    resources: dict[str, float] = {}
    """Ray's custom resources that a replica takes, each bundle of a gang too: its worker group."""


def arguments_from_args(args: Mapping[str, object]) -> tuple[StageArguments, Settings]:
    """Raises `SettingsError` for a key that is unknown or may hold a secret."""
    try:
        arguments = StageArguments.model_validate(dict(args))
    except ValidationError as error:
        wrong = "; ".join(f"{item['loc']}: {item['msg']}" for item in error.errors())
        raise SettingsError(f"args of the application: {wrong}") from error
    if secret := sorted(set(_SECRET) & arguments.settings.keys()):
        raise SettingsError(
            f"args of the application: {secret[0]} may hold a password, and Serve shows its args "
            f"to whoever asks: set TELECINE_{secret[0].upper()} in the pods instead"
        )
    return arguments, load_settings(overrides=arguments.settings)
