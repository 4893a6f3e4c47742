"""The prompt screen of a registry, as every process builds it: worker, API and command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from telecine_platform.errors import InvalidRequest, SettingsError
from telecine_platform.settings import Settings
from telecine_safeguards.errors import PolicyError, RegistryError
from telecine_safeguards.policy_file import load_policy
from telecine_safeguards.policy_rules import Policy
from telecine_safeguards.prompt.embed import Embed
from telecine_safeguards.prompt.harms import HarmClassifier
from telecine_safeguards.prompt.screen import PromptScreen
from telecine_safeguards.registry.entities import Entity, Registry
from telecine_safeguards.verdict import Verdict

CHECKS_BY_NAME = ("names", "harms")
"""What a screen without an embedding model asks."""
ALL_CHECKS = (*CHECKS_BY_NAME, "descriptions")


class Screen(Protocol):
    """Decides about one prompt; always returns a verdict."""

    def screen(
        self,
        *,
        prompt: str,
        negative_prompt: str,
        tenant_id: str,
        region: str,
        use: str,
        now: datetime | None,
    ) -> Verdict: ...


def screen_builder(
    settings: Settings,
    embed: Embed | None = None,
    embed_foreign: Embed | None = None,
    classifiers: Sequence[HarmClassifier] = (),
) -> Callable[[Registry], Screen]:
    """What makes the screen of each new registry; without `embed` it finds no descriptions.

    Raises `SettingsError` for a policy file that cannot be used.
    """
    policy = policy_from_file(settings.policy_file)

    def build(registry: Registry) -> Screen:
        return PromptScreen(
            registry,
            embed=embed,
            embed_foreign=embed_foreign,
            policy=policy,
            classifiers=classifiers,
        )

    return build


def policy_from_file(file: Path | None) -> Policy | None:
    """The operator's policy; None is the one that ships with the code."""
    try:
        return None if file is None else load_policy(file)
    except PolicyError as error:
        raise SettingsError(f"policy_file: {error}") from error


def check_usable(entities: Sequence[Entity]) -> None:
    """Refuse what no screen could be built with: one such entity would stop every replica's next.

    Raises `InvalidRequest`.
    """
    try:
        PromptScreen(Registry(version="check", entities=tuple(entities)))
    except RegistryError as error:
        raise InvalidRequest(str(error)[:500], code="unusable_entity") from error
