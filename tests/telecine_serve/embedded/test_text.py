"""Captions as tokens, and training's short padding against the 512 tokens of the real pipeline."""

from __future__ import annotations

import copy

import pytest
import torch

from telecine_serve.embedded.architecture import (
    END,
    MAX_TEXT_TOKENS,
    SUMMARIES,
    TEXT_DIM,
    build_text_encoder,
    build_tokenizer,
    build_transformer,
)
from telecine_serve.embedded.training.text import embed, use_short_padding

CAPTIONS = ("a red circle moves right on a blue background", "", "一个红色圆形在黑色背景上变大")


def test_short_padding_weighs_as_much_as_512_tokens() -> None:
    torch.manual_seed(0)
    encoder, transformer = build_text_encoder().eval(), build_transformer().eval()
    texts = embed(build_tokenizer(), encoder, CAPTIONS)
    whole = torch.zeros(len(CAPTIONS), MAX_TEXT_TOKENS, TEXT_DIM)
    whole[:, : texts.embeddings_BND.shape[1]] = texts.embeddings_BND
    noise = torch.randn(len(CAPTIONS), 16, 2, 4, 4)
    timestep = torch.tensor([900.0, 500.0, 10.0])
    short = copy.deepcopy(transformer)
    padding = use_short_padding(short)
    padding.bias_BN = texts.bias_BN

    with torch.inference_mode():
        expected = transformer(noise, timestep, whole, return_dict=False)[0]
        found = short(noise, timestep, texts.embeddings_BND, return_dict=False)[0]
        padding.bias_BN = torch.zeros_like(texts.bias_BN)
        without = short(noise, timestep, texts.embeddings_BND, return_dict=False)[0]

    assert (found - expected).abs().max() < 1e-4
    assert (without - expected).abs().max() > 1e-2  # the claim above could have failed


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", []),
        ("A RED zyxw", ["a", "red", "<unk>"]),
        ("红色圆形,变大", ["红", "色", "圆", "形", ",", "变", "大"]),
        ("ＲＥＤ  star", ["red", "star"]),
    ],
)
def test_tokens_are_known_words_and_chinese_characters(text: str, tokens: list[str]) -> None:
    tokenizer = build_tokenizer()
    assert tokenizer.convert_ids_to_tokens(tokenizer(text).input_ids) == [*tokens, *SUMMARIES, END]
