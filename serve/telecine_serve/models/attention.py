"""Attention on this rank, which each family's self-attention processor is built around."""

from __future__ import annotations

import torch


def attend(
    query_BSHD: torch.Tensor, key_BSHD: torch.Tensor, value_BSHD: torch.Tensor
) -> torch.Tensor:
    """Softmax attention without mask, with diffusers' own choice of kernel; `out_BSHD`.

    Dims: B batch, S tokens, H heads, D width of a head.
    """
    from diffusers.models.attention_dispatch import dispatch_attention_fn

    out_BSHD: torch.Tensor = dispatch_attention_fn(query_BSHD, key_BSHD, value_BSHD)
    return out_BSHD
