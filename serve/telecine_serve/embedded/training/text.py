"""Captions as the transformer meets them, without carrying 512 tokens through every step.

WanPipeline pads every prompt's embeddings with zeros to 512 tokens and masks none of them. Equal
padding tokens have equal keys and values, so 512 - n of them weigh as much as the few that we keep
with log((512 - n) / kept) added to their attention logits. A test holds both forms together.

Dims: B batch, N tokens, S summaries, D embedding width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from telecine_serve.embedded.architecture import MAX_TEXT_TOKENS, SUMMARIES


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    embeddings_BND: torch.Tensor
    """Zero behind each text's last token; at least one such place for each."""
    bias_BN: torch.Tensor
    """To be added to the attention's logits."""
    summaries_BSD: torch.Tensor
    """The embeddings of the tokens in `SUMMARIES`."""


def embed(tokenizer: Any, text_encoder: Any, captions: Sequence[str]) -> Texts:
    """Differentiable in the encoder's weights."""
    tokens = tokenizer(list(captions), padding=True, return_tensors="pt")
    is_text_BN = functional.pad(tokens.attention_mask, (0, 1)).bool()
    hidden = text_encoder(tokens.input_ids, tokens.attention_mask).last_hidden_state
    embeddings = functional.pad(hidden, (0, 0, 0, 1)) * is_text_BN[..., None]
    num_words_B = is_text_BN.sum(dim=1, keepdim=True)
    num_kept_B = is_text_BN.shape[1] - num_words_B
    pad_bias_B = ((MAX_TEXT_TOKENS - num_words_B) / num_kept_B).log()
    places_BS = num_words_B - 1 - len(SUMMARIES) + torch.arange(len(SUMMARIES))
    return Texts(
        embeddings_BND=embeddings,
        bias_BN=torch.where(is_text_BN, torch.zeros_like(pad_bias_B), pad_bias_B),
        summaries_BSD=embeddings[torch.arange(len(captions))[:, None], places_BS],
    )


class PaddedCrossAttention:
    """A processor for the transformer's cross attention; `bias_BN` belongs to the next forward."""

    def __init__(self) -> None:
        self.bias_BN: torch.Tensor | None = None

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor,
        attention_mask: None = None,
        rotary_emb: None = None,
    ) -> torch.Tensor:
        query = attn.norm_q(attn.to_q(hidden_states)).unflatten(2, (attn.heads, -1))
        key = attn.norm_k(attn.to_k(encoder_hidden_states)).unflatten(2, (attn.heads, -1))
        value = attn.to_v(encoder_hidden_states).unflatten(2, (attn.heads, -1))
        assert self.bias_BN is not None
        scores = torch.einsum("bqhd,bkhd->bhqk", query, key) / math.sqrt(query.shape[-1])
        weights = (scores + self.bias_BN[:, None, None]).softmax(dim=-1)
        out = torch.einsum("bhqk,bkhd->bqhd", weights, value).flatten(2, 3)
        out = attn.to_out[0](out)
        result: torch.Tensor = attn.to_out[1](out)
        return result


def use_short_padding(transformer: nn.Module) -> PaddedCrossAttention:
    """Let every block's cross attention take its padding from one processor; returns it."""
    processor = PaddedCrossAttention()
    for block in transformer.blocks:  # type: ignore[union-attr]
        block.attn2.set_processor(processor)
    return processor
