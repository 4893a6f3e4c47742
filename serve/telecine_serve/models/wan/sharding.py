"""The Wan family's sharding tables. What the first does not name is replicated: patch embedding,
condition embedder, modulation tables, layer norms and the output projection.

Source: diffusers 0.42.1 `models/transformers/transformer_wan.py` for the module names; the
column-then-row pairing is Megatron-LM's (arXiv:1909.08053, section 3).
"""

from __future__ import annotations

from torch import nn

from telecine_serve.models.attention import attention_rules
from telecine_serve.parallel.rules import SequenceRules, ShardRule, Split

WAN_SHARDING: tuple[ShardRule, ...] = (
    *attention_rules("blocks.*.attn1"),
    *attention_rules("blocks.*.attn2"),
    ShardRule("blocks.*.ffn.net.0.proj", Split.COLUMN),
    ShardRule("blocks.*.ffn.net.2", Split.ROW),
)

_IMAGE_ATTENTION: tuple[ShardRule, ...] = (
    ShardRule("blocks.*.attn2.add_k_proj", Split.COLUMN),
    ShardRule("blocks.*.attn2.add_v_proj", Split.COLUMN),
    ShardRule("blocks.*.attn2.norm_added_k", Split.NORM),
)
"""Only in a transformer that attends to CLIP's view of a picture (Wan 2.1 I2V)."""


def sharding_rules(transformer: nn.Module) -> tuple[ShardRule, ...]:
    """The lines that fit this member of the family."""
    attends_to_image = transformer.get_submodule("blocks.0.attn2").add_k_proj is not None
    return WAN_SHARDING + (_IMAGE_ATTENTION if attends_to_image else ())


WAN_SEQUENCE = SequenceRules(
    positions="rope",
    first_block="blocks.0",
    last_projection="proj_out",
    attention="blocks.*.attn1",
)
"""Cross-attention (attn2) stays local: each rank's queries look at the whole text."""
