"""Wan's self-attention for ranks that each hold a slice of the heads or the tokens.

Source: `WanAttnProcessor` in diffusers 0.42.1 `models/transformers/transformer_wan.py`; it differs
in one thing: what attends is passed in. Rotary embeddings are applied before tokens are exchanged,
as each rank has those of its own tokens. Dims: B batch, S tokens, H heads, D width (of all heads
or of one).
"""

from __future__ import annotations

from typing import Any

import torch

from telecine_serve.parallel.rules import Attend


class WanGangProcessor:
    """Self-attention of a Wan block around another way to attend."""

    def __init__(self, attend: Attend) -> None:
        self._attend = attend

    def __call__(
        self,
        attn: Any,  # Any: WanAttention, which diffusers does not type
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        rotary_emb: tuple[torch.Tensor, torch.Tensor] | None = None,
    ) -> torch.Tensor:
        if encoder_hidden_states is not None or attention_mask is not None or rotary_emb is None:
            raise ValueError("this processor is for self-attention with positions, without a mask")
        hidden_BSD = hidden_states
        # Keys before the queries' norm, which sends their sums along (`parallel/tensor.py`).
        query_BSD, key_BSD = attn.to_q(hidden_BSD), attn.to_k(hidden_BSD)
        query_BSHD = attn.norm_q(query_BSD).unflatten(2, (attn.heads, -1))
        key_BSHD = attn.norm_k(key_BSD).unflatten(2, (attn.heads, -1))
        value_BSHD = attn.to_v(hidden_BSD).unflatten(2, (attn.heads, -1))
        query_BSHD = _rotate(query_BSHD, *rotary_emb)
        key_BSHD = _rotate(key_BSHD, *rotary_emb)
        out_BSD = self._attend(query_BSHD, key_BSHD, value_BSHD).flatten(2, 3).type_as(query_BSHD)
        projected_BSD: torch.Tensor = attn.to_out[1](attn.to_out[0](out_BSD))
        return projected_BSD


def _rotate(x_BSHD: torch.Tensor, cos_1S1D: torch.Tensor, sin_1S1D: torch.Tensor) -> torch.Tensor:
    """Rotary position embedding (arXiv:2104.09864) of neighbouring pairs of values."""
    even, odd = x_BSHD.reshape(*x_BSHD.shape[:-1], -1, 2).unbind(-1)
    cos, sin = cos_1S1D[..., 0::2], sin_1S1D[..., 1::2]
    out_BSHD = torch.empty_like(x_BSHD)
    out_BSHD[..., 0::2] = even * cos - odd * sin
    out_BSHD[..., 1::2] = even * sin + odd * cos
    return out_BSHD.type_as(x_BSHD)
