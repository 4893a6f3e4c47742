"""What the families' attentions have in common: how it divides over ranks, and attending itself."""

from __future__ import annotations

import torch

from telecine_serve.parallel.rules import ShardRule, Split


def attend(
    query_BSHD: torch.Tensor, key_BSHD: torch.Tensor, value_BSHD: torch.Tensor
) -> torch.Tensor:
    """Softmax attention without mask, with diffusers' own choice of kernel; `out_BSHD`.

    Dims: B batch, S tokens, H heads, D width of a head.
    """
    from diffusers.models.attention_dispatch import dispatch_attention_fn

    out_BSHD: torch.Tensor = dispatch_attention_fn(query_BSHD, key_BSHD, value_BSHD)
    return out_BSHD


def attention_rules(prefix: str) -> tuple[ShardRule, ...]:
    """The lines of one attention module by the names that diffusers gives its layers."""
    return (
        ShardRule(prefix, Split.HEADS),
        ShardRule(f"{prefix}.to_q", Split.COLUMN),
        ShardRule(f"{prefix}.to_k", Split.COLUMN),
        ShardRule(f"{prefix}.to_v", Split.COLUMN),
        ShardRule(f"{prefix}.norm_q", Split.NORM),
        ShardRule(f"{prefix}.norm_k", Split.NORM),
        ShardRule(f"{prefix}.to_out.0", Split.ROW),
    )
