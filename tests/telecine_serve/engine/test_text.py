from __future__ import annotations

from pathlib import Path

import pytest
import torch

from telecine_platform.catalogue import card_from_name
from telecine_serve.engine.text import TextCache, encode_prompts
from telecine_serve.models.load import load_model
from telecine_serve.models.wan.text import clean_prompt


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  a\n\tcat ", "a cat"),
        ("tom &amp; jerry", "tom & jerry"),
        ("&amp;#66;at", "Bat"),
        ("", ""),
    ],
)
def test_prompt_is_cleaned_as_diffusers_does(text: str, expected: str) -> None:
    from diffusers.pipelines.wan.pipeline_wan import prompt_clean

    assert clean_prompt(text) == expected
    assert prompt_clean(text) == expected


@torch.no_grad()
def test_padding_is_zeros_after_the_last_token(embedded_folder: Path) -> None:
    card = card_from_name("embedded")
    model = load_model(embedded_folder, card, torch.float32, torch.device("cpu"))

    text, empty = encode_prompts(model, ["a red ball", ""], None, TextCache())
    text_BSD, empty_BSD = text.hidden_BSD, empty.hidden_BSD

    assert text_BSD.shape == (1, card.max_text_tokens, model.geometry.text_width)
    assert model.ends is not None
    num_empty = len(model.ends.tokenizer("").input_ids)  # what stands behind every text
    num_tokens = 3 + num_empty
    assert text_BSD[0, :num_tokens].abs().sum(dim=-1).min() > 0
    assert text_BSD[0, num_tokens:].abs().max() == 0
    assert empty_BSD[0, num_empty:].abs().max() == 0
    assert text.mask_BS.sum() == num_tokens


@torch.no_grad()
def test_the_latest_prompts_are_encoded_once(embedded_folder: Path) -> None:
    card = card_from_name("embedded")
    model = load_model(embedded_folder, card, torch.float32, torch.device("cpu"))
    cache = TextCache(max_texts=2)

    first, again = encode_prompts(model, ["a red ball", " a red  ball"], None, cache)
    assert cache.num_hits == 1
    assert torch.equal(first.hidden_BSD, again.hidden_BSD)

    encode_prompts(model, ["a cat", "a dog", "a red ball"], None, cache)
    assert cache.num_hits == 1  # it had gone by then
