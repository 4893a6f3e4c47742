"""Descriptions in other languages than English."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from telecine_safeguards.errors import CheckFailed
from telecine_safeguards.prompt.embed import Embed
from telecine_safeguards.prompt.screen import PromptScreen
from telecine_safeguards.registry.entities import Registry
from telecine_safeguards.verdict import Action
from tests.telecine_safeguards.fake_embed import fake_embed
from tests.telecine_safeguards.registries import entity

TRANSLATED = {"ein dinosaurier aus chrom": "a chrome dinosaur", "ein hase": "a rabbit"}
ROBO = replace(
    entity("Robozilla"),
    cards=("a chrome dinosaur",),
    decoys=("a garden",),
    generic="a cheerful metal reptile",
)


def polyglot(texts: Sequence[str]) -> npt.NDArray[np.float32]:
    return fake_embed([TRANSLATED.get(text, text) for text in texts])


def screened(prompt: str, embed_foreign: Embed) -> Action:
    screen = PromptScreen(
        Registry(version="v", entities=(ROBO,)), embed=fake_embed, embed_foreign=embed_foreign
    )
    return screen.screen(prompt=prompt, negative_prompt="").action


def test_description_in_another_language_is_rewritten_and_what_is_not_one_passes() -> None:
    assert screened("ein dinosaurier aus chrom", polyglot) is Action.REWRITE
    assert screened("ein hase", polyglot) is Action.ALLOW


def broken(_texts: Sequence[str]) -> npt.NDArray[np.float32]:
    raise CheckFailed("no model")


def test_english_does_not_wait_for_the_model_of_other_languages() -> None:
    assert screened("a red fox in the snow", broken) is Action.ALLOW


def test_foreign_text_is_blocked_when_its_model_gives_no_answer() -> None:
    assert screened("ein hase", broken) is Action.BLOCK
