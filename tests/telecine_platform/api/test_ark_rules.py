"""Ark's words for sizes and parameters, as pure rules."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telecine_platform.api.ark.prompt import split_prompt
from telecine_platform.api.ark.sizes import (
    ratio_name,
    resolution_name,
    size_from_names,
    size_names,
)
from telecine_platform.api.polling import MAX_POLL_MS, MIN_POLL_MS, poll_after_ms
from telecine_platform.catalogue import CATALOGUE, ModelCard
from tests.records import at


@pytest.mark.parametrize(
    ("size_px", "resolution", "ratio"),
    [
        ((832, 480), "480p", "16:9"),
        ((480, 832), "480p", "9:16"),
        ((624, 624), "480p", "1:1"),
        ((1280, 720), "720p", "16:9"),
        ((960, 960), "720p", "1:1"),
        ((96, 64), "64p", "3:2"),
    ],
)
def test_sizes_have_arks_names(size_px: tuple[int, int], resolution: str, ratio: str) -> None:
    assert (resolution_name(size_px), ratio_name(size_px)) == (resolution, ratio)


@pytest.mark.parametrize("card", CATALOGUE.values(), ids=lambda card: card.name)
def test_every_size_can_be_asked_for_by_its_name(card: ModelCard) -> None:
    for name in size_names(card):
        resolution, ratio = name.split()
        size_px = size_from_names(resolution, ratio, card)
        assert size_px is not None
        assert (resolution_name(size_px), ratio_name(size_px)) == (resolution, ratio)
    assert size_from_names(None, "adaptive", card) == card.sizes_px[0]
    assert size_from_names("4320p", None, card) is None


@pytest.mark.parametrize(
    ("text", "prompt", "fields"),
    [
        ("a cat", "a cat", {}),
        ("a cat --rt 16:9 --dur 5", "a cat", {"ratio": "16:9", "duration": "5"}),
        ("a cat  --resolution 480p\n--seed 7 ", "a cat", {"resolution": "480p", "seed": "7"}),
        ("a cat --wm TRUE --cf false", "a cat", {"watermark": True, "camera_fixed": False}),
        ("a cat --seed 1 --seed 2", "a cat", {"seed": "2"}),
        ("a --dur 5 cat", "a --dur 5 cat", {}),
        ("a cat --style noir", "a cat --style noir", {}),
        ("a cat --dur", "a cat --dur", {}),
        ("--dur 5", "", {"duration": "5"}),
    ],
)
def test_only_arks_own_words_at_the_end_are_cut_off(
    text: str, prompt: str, fields: dict[str, object]
) -> None:
    assert split_prompt(text) == (prompt, fields)


@given(st.text())
def test_a_prompt_without_words_of_ark_is_kept_letter_by_letter(text: str) -> None:
    prompt, fields = split_prompt(text)
    assert fields or prompt == text


@given(st.one_of(st.none(), st.floats(-1e6, 1e6)))
def test_polls_are_neither_hasty_nor_late(left_s: float | None) -> None:
    finish_at = None if left_s is None else at(0) + timedelta(seconds=left_s)
    wait_ms = poll_after_ms(finish_at, at(0))
    assert MIN_POLL_MS <= wait_ms <= MAX_POLL_MS
    if left_s is not None and left_s * 1000 > MIN_POLL_MS:
        assert wait_ms <= left_s * 1000 + 1
