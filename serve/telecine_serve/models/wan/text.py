"""How Wan encodes a prompt. Dims: B batch (1), S text tokens, D encoder width."""

from __future__ import annotations

import html
import re

import torch

from telecine_serve.models.family import Ends, Text
from telecine_serve.models.tokens import tokenize


def clean_prompt(text: str) -> str:
    """The text as the tokenizer sees it: HTML entities resolved twice, white space collapsed.

    Screening has to look at this form: `&#66;` becomes a letter here. Source: `prompt_clean` in
    diffusers 0.42.1 `pipelines/wan/pipeline_wan.py`, without the optional ftfy repair.
    """
    unescaped = html.unescape(html.unescape(text)).strip()
    return re.sub(r"\s+", " ", unescaped).strip()


def encode_text(ends: Ends, prompt: str, num_tokens: int) -> Text:
    """Wan attends to padding without a mask, so padding is zeros, not encoded pad tokens.

    Source: `WanPipeline._get_t5_prompt_embeds`, diffusers 0.42.1.
    """
    ids_BS, mask_BS = tokenize(ends, prompt, num_tokens)
    hidden_BSD = ends.text_encoder(ids_BS, mask_BS).last_hidden_state
    # `where`, not a product: a non-finite value in the padding would survive times zero.
    padded_BSD = torch.where(mask_BS.bool().unsqueeze(-1), hidden_BSD, 0.0)
    return Text(hidden_BSD=padded_BSD, mask_BS=mask_BS)
