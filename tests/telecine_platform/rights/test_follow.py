"""A follower is as new as the registry, and never without one."""

from __future__ import annotations

import logging
from datetime import datetime

import pytest

from telecine_platform.errors import StoreUnavailable
from telecine_platform.rights.follow import CHECK_S, Following
from telecine_platform.rights.store import RightsStore
from telecine_safeguards.registry.entities import Registry
from tests.records import START, at
from tests.rights_records import change, entity


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


def follower(rights: RightsStore, clock: Clock) -> Following[int]:
    return Following(rights, lambda registry: len(registry.entities), clock)


def test_new_version_is_built_at_the_next_look(rights: RightsStore) -> None:
    clock = Clock()
    following = follower(rights, clock)
    rights.propose(entity(id="new"), "acme", change())
    clock.now = at(CHECK_S - 0.1)
    following.refresh()
    assert following.current == 1
    clock.now = at(CHECK_S)
    following.refresh()
    assert (following.current, following.version) == (2, rights.current_version())


def test_unchanged_version_is_not_built_again(rights: RightsStore) -> None:
    clock = Clock()
    built: list[Registry] = []
    following = Following(rights, built.append, clock)
    clock.now = at(9)
    following.refresh()
    assert len(built) == 1


def test_what_cannot_be_built_leaves_the_old_one_and_is_tried_again(
    rights: RightsStore, caplog: pytest.LogCaptureFixture
) -> None:
    clock, is_broken = Clock(), True

    def build(registry: Registry) -> int:
        if is_broken and len(registry.entities) > 1:
            raise ValueError("secret text of the registry")
        return len(registry.entities)

    following = Following(rights, build, clock)
    rights.propose(entity(id="new"), "acme", change())
    clock.now = at(9)
    with caplog.at_level(logging.INFO):
        following.refresh()
    assert following.current == 1
    assert [record.__dict__["action"] for record in caplog.records] == ["registry_kept"]
    assert "secret" not in caplog.text
    is_broken, clock.now = False, at(18)
    following.refresh()
    assert following.current == 2


def test_database_outage_leaves_the_old_one(
    rights: RightsStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    following = follower(rights, clock)

    def away() -> str:
        raise StoreUnavailable("down")

    monkeypatch.setattr(rights, "current_version", away)
    clock.now = at(9)
    following.refresh()
    assert following.current == 1


def test_thread_follows_until_closed(rights: RightsStore) -> None:
    following = Following(rights, lambda registry: len(registry.entities))
    following.start()
    following.close()
    assert following.current == 1
