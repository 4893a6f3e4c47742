"""LTX's self-attention for ranks that each hold a slice of the heads or the tokens.

LTX rotates queries and keys over the width of all heads, so a tensor-parallel rank takes the part
of the rotary tables that belongs to its heads; Wan has one table for every head. Source: diffusers
0.42.1 `models/transformers/transformer_ltx.py`. Dims: B batch, S tokens, H heads, D width (of all
heads or of one).
"""

from __future__ import annotations

from typing import Any

import torch

from telecine_serve.parallel.mesh import RankContext
from telecine_serve.parallel.rules import Attend


class LtxGangProcessor:
    """Self-attention of an LTX block for this rank's heads and tokens.

    It differs from `LTXVideoAttnProcessor` in two things: what attends is passed in, and the
    rotary tables are cut to this rank's heads.
    """

    def __init__(self, attend: Attend, ranks: RankContext) -> None:
        self._attend = attend
        self._tp_rank = ranks.tp_group.rank()
        self._tp_size = ranks.tp_size

    def __call__(
        self,
        attn: Any,  # Any: LTXAttention, which diffusers does not type
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        image_rotary_emb: tuple[torch.Tensor, torch.Tensor] | None = None,
    ) -> torch.Tensor:
        if encoder_hidden_states is not None or attention_mask is not None or not image_rotary_emb:
            raise ValueError("this processor is for self-attention with positions, without a mask")
        cos_BSD, sin_BSD = (self._of_own_heads(table_BSD) for table_BSD in image_rotary_emb)
        # Keys before the queries' norm, which sends their sums along (`parallel/tensor.py`).
        query_BSD, key_BSD = attn.to_q(hidden_states), attn.to_k(hidden_states)
        query_BSD = _rotate(attn.norm_q(query_BSD), cos_BSD, sin_BSD)
        key_BSD = _rotate(attn.norm_k(key_BSD), cos_BSD, sin_BSD)
        query_BSHD, key_BSHD, value_BSHD = (
            x_BSD.unflatten(2, (attn.heads, -1))
            for x_BSD in (query_BSD, key_BSD, attn.to_v(hidden_states))
        )
        out_BSD = self._attend(query_BSHD, key_BSHD, value_BSHD).flatten(2, 3).type_as(query_BSHD)
        projected_BSD: torch.Tensor = attn.to_out[1](attn.to_out[0](out_BSD))
        return projected_BSD

    def _of_own_heads(self, table_BSD: torch.Tensor) -> torch.Tensor:
        return table_BSD.chunk(self._tp_size, dim=-1)[self._tp_rank]


def _rotate(x_BSD: torch.Tensor, cos_BSD: torch.Tensor, sin_BSD: torch.Tensor) -> torch.Tensor:
    """Rotary position embedding (arXiv:2104.09864) of neighbouring pairs, in float32."""
    even, odd = x_BSD.reshape(*x_BSD.shape[:-1], -1, 2).unbind(-1)
    rotated_BSD = torch.stack([-odd, even], dim=-1).flatten(2)
    return (x_BSD.float() * cos_BSD + rotated_BSD.float() * sin_BSD).to(x_BSD.dtype)
