"""What is served: each model with its card and the gangs that can be had for it.

The API knows all of them. A generation worker knows its own: `model` and `num_ranks`. On one
machine `telecine up` tells it so, in a cluster the chart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from telecine_platform.catalogue import ModelCard, card_from_name
from telecine_platform.errors import NotFound, SettingsError
from telecine_platform.scheduling.forecast import Fleet
from telecine_platform.settings import Settings

_ENTRY = re.compile(r"([a-z0-9][a-z0-9.-]*)=([1-9][0-9]*)x([1-9][0-9]*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """One model and its gangs."""

    card: ModelCard
    fleet: Fleet


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """What the generation workers of one model go by."""

    model: str
    settings: Settings
    overrides: dict[str, str | int | float]
    """Where their settings differ from those of the platform."""


def pools_from_settings(settings: Settings) -> Mapping[str, Pool]:
    """By model, `settings.model` first: a request that names none means that one.

    Raises `NotFound` for a model without a card, `SettingsError` for a `more_models` that names one
    twice or is no list of `NAME=RANKSxGANGS`.
    """
    wanted = [(settings.model, settings.num_ranks, settings.generation_max_replicas)]
    for text in filter(None, (part.strip() for part in settings.more_models.split(","))):
        entry = _ENTRY.fullmatch(text)
        if entry is None:
            raise SettingsError(
                f"more_models: {text!r} is not NAME=RANKSxGANGS, as `wan2.2-ti2v-5b=8x4`"
            )
        wanted.append((entry[1], int(entry[2]), int(entry[3])))
    names = [name for name, _, _ in wanted]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise SettingsError(f"more_models: {twice[0]} is served already")
    try:
        return {name: _pool(settings, name, *sizes) for name, *sizes in wanted}
    except NotFound as error:
        raise NotFound(f"model or more_models: {error}") from error


def workers_on_one_machine(settings: Settings) -> list[Worker]:
    """For `settings.model` and each of `more_models`, whose folder is `data_dir/models/NAME`.

    Raises what `pools_from_settings` raises.
    """
    first, *others = pools_from_settings(settings).values()
    workers = [Worker(model=first.card.name, settings=settings, overrides={})]
    for pool in others:
        name, max_gangs = pool.card.name, pool.fleet.max_gangs
        overrides: dict[str, str | int | float] = {
            "model": name,
            "model_folder": str(settings.data_dir / "models" / name),
            "num_ranks": pool.fleet.num_gpus,
            "generation_min_replicas": min(settings.generation_min_replicas, max_gangs),
            "generation_max_replicas": max_gangs,
        }
        own = Settings.model_validate(settings.model_dump() | overrides)
        workers.append(Worker(model=name, settings=own, overrides=overrides))
    return workers


def _pool(settings: Settings, name: str, num_gpus: int, max_gangs: int) -> Pool:
    fleet = Fleet(
        num_gpus=num_gpus,
        max_gangs=max_gangs,
        gang_start_s=settings.gang_start_s,
        target_wait_s=settings.target_wait_s,
    )
    return Pool(card=card_from_name(name), fleet=fleet)
