"""The prompt checkpoint as a whole, on the registry that ships."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtests.screening_sets import NAMED_TRAFFIC
from telecine_safeguards.prompt import ordinary
from telecine_safeguards.prompt.screen import PromptScreen
from telecine_safeguards.registry.entities import EntityKind
from telecine_safeguards.registry.load import starter_registry
from telecine_safeguards.verdict import Action, Checkpoint
from tests.telecine_safeguards.evasions import EVASIONS

REGISTRY = starter_registry()
SCREEN = PromptScreen(REGISTRY)
CLEAR = [each for each in REGISTRY.entities if not each.ambiguous]
LATIN_NAMES = [each.name for each in CLEAR if each.name.isascii()]
TRAFFIC = Path(__file__).parents[3] / "shared" / "traffic" / "vbench_all_dimension.txt"


@pytest.mark.parametrize("kind", EntityKind)
def test_every_unambiguous_name_of_the_starter_is_stopped(kind: EntityKind) -> None:
    names = [
        name
        for each in REGISTRY.entities
        if each.kind is kind
        for name in (each.clear_names if each.ambiguous else each.names)
    ]

    passed = [
        name
        for name in names
        if SCREEN.screen(prompt=f"a video of {name}, at night", negative_prompt="").action
        is Action.ALLOW
    ]

    assert names
    assert passed == []


@settings(deadline=None, max_examples=400)
@given(
    name=st.sampled_from(LATIN_NAMES),
    evasions=st.lists(st.sampled_from(sorted(EVASIONS)), unique=True, max_size=4),
    frame=st.sampled_from(["{}", "a video of {} at night", "{}!", "(I saw a {}, 2 days ago)"]),
)
def test_no_evasion_turns_a_block_into_a_pass(name: str, evasions: list[str], frame: str) -> None:
    for evasion in sorted(evasions, key=lambda each: each == "html"):  # markup comes last
        name = EVASIONS[evasion](name)

    verdict = SCREEN.screen(prompt=frame.format(name), negative_prompt="")

    assert verdict.action is not Action.ALLOW


@settings(deadline=None)
@given(prompt=st.text(max_size=60), negative_prompt=st.text(max_size=60))
def test_screening_is_deterministic_and_always_answers(prompt: str, negative_prompt: str) -> None:
    first = SCREEN.screen(prompt=prompt, negative_prompt=negative_prompt)

    assert SCREEN.screen(prompt=prompt, negative_prompt=negative_prompt) == first
    assert first.reason_code != "check_failed"


@pytest.mark.parametrize(
    "prompt", ["&#66;atman", "&amp;#66;atman", "B&#x61;t&zwnj;man", "Bat&shy;man"]
)
def test_html_entities_hide_no_name(prompt: str) -> None:
    """Wan's text encoder resolves them, so screening has to."""
    assert SCREEN.screen(prompt=f"{prompt} on a roof", negative_prompt="").is_block


def test_verdict_tells_who_what_and_which_words() -> None:
    verdict = SCREEN.screen(prompt="P1kachu in a field", negative_prompt="")

    (finding,) = verdict.findings
    assert verdict.checkpoint is Checkpoint.PROMPT
    assert verdict.reason_code == "protected_character"
    assert (finding.entity_id, finding.matched) == ("pikachu", "P1kachu")
    assert verdict.registry_version == REGISTRY.version


def test_name_in_the_negative_prompt_is_found_but_allowed() -> None:
    verdict = SCREEN.screen(prompt="a yellow mouse", negative_prompt="Pikachu, blurry")

    assert (verdict.action, verdict.reason_code) == (Action.ALLOW, "allowed")
    assert [(each.check, each.matched) for each in verdict.findings] == [
        ("names-in-negative-prompt", "Pikachu")
    ]


def test_name_in_the_prompt_blocks_whatever_the_negative_prompt_says() -> None:
    assert SCREEN.screen(prompt="Pikachu", negative_prompt="Pikachu").is_block


@pytest.mark.parametrize("prompt", ["", "  ", "\u200b\n"])
def test_empty_prompt_has_no_findings(prompt: str) -> None:
    verdict = SCREEN.screen(prompt=prompt, negative_prompt="")

    assert (verdict.action, verdict.findings) == (Action.ALLOW, ())


@pytest.mark.parametrize("text", [None, 7, b"Pikachu"])
def test_what_is_not_text_is_blocked(text: Any) -> None:
    assert SCREEN.screen(prompt=text, negative_prompt="").reason_code == "check_failed"
    assert SCREEN.screen(prompt="", negative_prompt=text).reason_code == "check_failed"


class UnreadableText(str):
    """A text whose failure quotes it."""

    def isascii(self) -> bool:
        raise ValueError(f"cannot read {self!r}")


def test_failed_check_logs_no_words_of_the_prompt(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        verdict = SCREEN.screen(prompt=UnreadableText("my secret prompt"), negative_prompt="")

    assert (verdict.action, verdict.rule) == (Action.BLOCK, "check-failed")
    assert "secret" not in caplog.text + str([vars(record) for record in caplog.records])


def test_benign_traffic_is_hardly_ever_stopped() -> None:
    if not TRAFFIC.exists():
        pytest.skip(f"real prompts are not here: {TRAFFIC}")
    prompts = [
        prompt
        for prompt in TRAFFIC.read_text(encoding="utf-8").splitlines()
        if not NAMED_TRAFFIC.search(prompt)
    ]

    stopped = [
        prompt
        for prompt in prompts
        if SCREEN.screen(prompt=prompt, negative_prompt="").action is not Action.ALLOW
    ]

    assert len(stopped) / len(prompts) <= 0.002, stopped


def test_common_words_of_other_languages_are_nobodys_misspelt_name() -> None:
    text = (Path(ordinary.__file__).parent / "foreign_words.txt").read_text(encoding="utf-8")
    words = [
        word for line in text.splitlines() if not line.startswith("#") for word in line.split()
    ]

    stopped = [
        word
        for word in words
        if SCREEN.screen(prompt=f"xx {word} xx", negative_prompt="").action is not Action.ALLOW
    ]

    assert len(words) > 1_500
    assert stopped == []
