"""What becomes of what is found: grants, status, places, rewrites and descriptions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from telecine_safeguards.errors import CheckFailed, RegistryError
from telecine_safeguards.policy_file import policy_from_yaml
from telecine_safeguards.prompt.embed import Embed
from telecine_safeguards.prompt.screen import PromptScreen
from telecine_safeguards.registry.entities import (
    Entity,
    EntityKind,
    EntityStatus,
    Grant,
    Registry,
)
from telecine_safeguards.verdict import Action, Finding, Verdict
from tests.telecine_safeguards.fake_embed import fake_embed

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ROBO = Entity(
    id="robo",
    kind=EntityKind.CHARACTER,
    name="Robozilla",
    rights_holder="Robo Ltd",
    cards=("a chrome dinosaur with a trumpet nose and tartan wings juggling green lanterns",),
    decoys=("a toy dinosaur",),
    attributes=("trumpet nose", "tartan wings", "green lanterns"),
    generic="a cheerful metal reptile",
)
STYLE = replace(ROBO, id="zorblat", kind=EntityKind.STYLE, name="Zorblat Studio", cards=())
GRANT = Grant(id="g1", entity_id="robo", tenant_id="acme", uses=("video",), starts_at=NOW)
DESCRIPTION = "A chrome dinosaur with tartan wings and a trumpet nose juggles green lanterns."


def _screen(
    prompt: str,
    *entities: Entity,
    grants: tuple[Grant, ...] = (),
    embed: Embed | None = None,
    **asked: Any,
) -> Verdict:
    registry = Registry(version="v1", entities=entities or (ROBO,), grants=grants)
    about: dict[str, Any] = {"tenant_id": "acme", "region": "DE", "now": NOW, **asked}
    screen = PromptScreen(registry, embed=embed)
    return screen.screen(prompt=prompt, negative_prompt="", **about)


@pytest.mark.parametrize(
    ("changes", "action"),
    [
        ({}, "allow"),
        ({"tenant_id": "other"}, "block"),
        ({"uses": ("still",)}, "block"),
        ({"regions": ("DE", "FR")}, "allow"),
        ({"regions": ("US",)}, "block"),
        ({"starts_at": NOW + timedelta(seconds=1)}, "block"),
        ({"ends_at": NOW}, "block"),
        ({"ends_at": NOW + timedelta(seconds=1)}, "allow"),
        ({"revoked_at": NOW}, "block"),
        ({"revoked_at": NOW + timedelta(seconds=1)}, "allow"),
        ({"entity_id": "somebody-else"}, "block"),
    ],
)
def test_grant_counts_only_for_who_what_where_and_when_it_says(
    changes: dict[str, Any], action: str
) -> None:
    verdict = _screen("Robozilla sings", grants=(replace(GRANT, **changes),))

    assert verdict.action == action
    assert verdict.grants_used == (("g1",) if action == "allow" else ())


def test_of_contradicting_grants_the_one_that_holds_counts() -> None:
    ended = replace(GRANT, id="g0", starts_at=NOW - timedelta(days=2), ends_at=NOW)

    assert _screen("Robozilla", grants=(ended, GRANT)).grants_used == ("g1",)


def test_grant_for_regions_does_not_hold_where_the_region_is_unknown() -> None:
    assert _screen("Robozilla", grants=(replace(GRANT, regions=("DE",)),), region="").is_block


def test_grant_for_one_entity_does_not_free_another() -> None:
    other = replace(ROBO, id="kongo", name="Kongolord")

    verdict = _screen("Robozilla meets Kongolord", ROBO, other, grants=(GRANT,))

    assert (verdict.is_block, verdict.grants_used) == (True, ("g1",))


@pytest.mark.parametrize(
    ("status", "action"),
    [("verified", "block"), ("proposed", "review"), ("disputed", "review"), ("withdrawn", "allow")],
)
def test_status_decides_how_hard_a_name_is_taken(status: str, action: str) -> None:
    assert _screen("Robozilla", replace(ROBO, status=EntityStatus(status))).action == action


@pytest.mark.parametrize(
    ("changes", "asked", "action"),
    [
        ({"jurisdictions": ("US",)}, {"region": "DE"}, "allow"),
        ({"jurisdictions": ("US",)}, {"region": "us"}, "block"),
        ({"jurisdictions": ("US",)}, {"region": ""}, "block"),
        ({"term_ends_on": date(2026, 11, 21)}, {}, "allow"),
        ({"term_ends_on": date(2026, 11, 22)}, {}, "block"),
        ({"term_starts_on": date(2026, 11, 23)}, {}, "allow"),
    ],
)
def test_protection_ends_at_its_borders_and_with_its_term(
    changes: dict[str, Any], asked: dict[str, Any], action: str
) -> None:
    assert _screen("Robozilla", replace(ROBO, **changes), **asked).action == action


def test_named_style_is_rewritten_and_kept_out_by_the_negative_prompt() -> None:
    verdict = _screen("a cat by Zorblat Studio, by ZORBLAT STUDIO!", STYLE)

    assert verdict.action is Action.REWRITE
    generic = STYLE.generic
    assert verdict.rewritten_prompt == f"a cat by {generic}, by {generic}!"
    assert verdict.added_negative_prompt == (
        "Zorblat Studio, trumpet nose, tartan wings, green lanterns"
    )
    assert "'Zorblat Studio' (Zorblat Studio, Robo Ltd)" in verdict.message
    assert generic in verdict.message


def test_style_without_a_generic_description_blocks() -> None:
    assert _screen("by Zorblat Studio", replace(STYLE, generic="")).is_block


def test_rewrite_that_still_matches_blocks() -> None:
    assert _screen("by Zorblat Studio", replace(STYLE, generic="Zorblat Studio look")).is_block


def test_described_entity_is_rewritten() -> None:
    verdict = _screen(f"Morning. {DESCRIPTION}", embed=fake_embed)

    assert (verdict.action, verdict.reason_code) == (Action.REWRITE, "described_character")
    assert verdict.rewritten_prompt == f"Morning. {ROBO.generic}"
    assert [each.check for each in verdict.findings] == ["descriptions"]


def test_described_entity_without_a_generic_description_blocks() -> None:
    verdict = _screen(DESCRIPTION, replace(ROBO, generic=""), embed=fake_embed)

    assert (verdict.is_block, verdict.rule) == (True, "protected-description")


@pytest.mark.parametrize("prompt", ["a toy dinosaur", "green lanterns", "a dinosaur with wings"])
def test_what_is_only_near_is_left_alone(prompt: str) -> None:
    assert _screen(prompt, embed=fake_embed).action is Action.ALLOW


def test_batch_gives_the_verdicts_of_single_prompts() -> None:
    screen = PromptScreen(Registry(version="v1", entities=(ROBO,)), embed=fake_embed)
    prompts = [("Robozilla", ""), (DESCRIPTION, ""), ("a toy", "Robozilla"), ("", "")]

    assert screen.screen_many(prompts, now=NOW) == [
        screen.screen(prompt=prompt, negative_prompt=negative, now=NOW)
        for prompt, negative in prompts
    ]


def test_missing_model_blocks_everything_when_it_is_required() -> None:
    screen = PromptScreen(Registry(version="v1", entities=(ROBO,)), is_meaning_required=True)

    assert not screen.is_ready
    assert screen.screen(prompt="a toy", negative_prompt="").reason_code == "check_failed"


def _broken(texts: Sequence[str]) -> npt.NDArray[np.float32]:
    return np.full((len(texts), 4), np.nan, dtype=np.float32)


def test_model_without_unit_rows_is_no_answer() -> None:
    with pytest.raises(CheckFailed, match="unit length"):
        PromptScreen(Registry(version="v1", entities=(ROBO,)), embed=_broken)


@pytest.mark.parametrize("prompt", ["x" * 20_001, "a. " * 5_000])
def test_enormous_prompt_is_refused_not_cut(prompt: str) -> None:
    assert _screen(prompt, embed=fake_embed).reason_code == "check_failed"


@pytest.mark.parametrize(
    "prompt",
    ["", "🎬🎬🎬", "\x00\x01\xff\x07", "مرحبا بالعالم", "\u202eabc", "한국어 문장"],
)
def test_odd_prompt_gets_an_answer(prompt: str) -> None:
    assert _screen(prompt, embed=fake_embed).action is Action.ALLOW


@pytest.mark.parametrize(
    ("prompt", "harm"),
    [
        ("a n4ked w0man", "harm-sexual"),
        ("the sexy teenager", "harm-sexual-minors"),
        ("a severed head", "harm-gore"),
    ],
)
def test_harm_is_blocked_and_named(prompt: str, harm: str) -> None:
    verdict = _screen(prompt)

    assert (verdict.action, verdict.reason_code) == (Action.BLOCK, "harmful_content")
    assert harm in [each.entity_id for each in verdict.findings]


def test_plugged_in_classifier_can_stop_a_prompt() -> None:
    def judge(texts: Sequence[str]) -> list[tuple[Finding, ...]]:
        return [(Finding(check="harms", score=0.9, entity_name="spite"),) for _ in texts]

    screen = PromptScreen(Registry(version="v1", entities=(ROBO,)), classifiers=[judge])

    assert "spite" in screen.screen(prompt="a toy", negative_prompt="").message


def test_registry_may_not_use_the_ids_of_harms() -> None:
    with pytest.raises(RegistryError, match="harm-sexual"):
        PromptScreen(Registry(version="v1", entities=(replace(ROBO, id="harm-sexual"),)))


def test_policy_can_ask_for_a_licence() -> None:
    policy = policy_from_yaml(
        b"version: v\nrules:\n- {name: sold, action: licence-required, reason_code: sold}",
        source="p",
    )
    screen = PromptScreen(Registry(version="v1", entities=(ROBO,)), policy=policy)

    verdict = screen.screen(prompt="Robozilla", negative_prompt="")

    assert (verdict.action, verdict.is_block) == (Action.LICENCE_REQUIRED, True)
    assert "licences" in verdict.message
