"""The Wan family's sharding tables. What the first does not name is replicated: patch embedding,
condition embedder, modulation tables, layer norms and the output projection.

Source: diffusers 0.42.1 `models/transformers/transformer_wan.py` for the module names; the
column-then-row pairing is Megatron-LM's (arXiv:1909.08053, section 3).
"""

from __future__ import annotations

from telecine_serve.parallel.rules import SequenceRules, ShardRule, Split


def _attention_rules(name: str) -> tuple[ShardRule, ...]:
    prefix = f"blocks.*.{name}"
    return (
        ShardRule(prefix, Split.HEADS),
        ShardRule(f"{prefix}.to_q", Split.COLUMN),
        ShardRule(f"{prefix}.to_k", Split.COLUMN),
        ShardRule(f"{prefix}.to_v", Split.COLUMN),
        ShardRule(f"{prefix}.norm_q", Split.NORM),
        ShardRule(f"{prefix}.norm_k", Split.NORM),
        ShardRule(f"{prefix}.to_out.0", Split.ROW),
    )


WAN_SHARDING: tuple[ShardRule, ...] = (
    *_attention_rules("attn1"),
    *_attention_rules("attn2"),
    ShardRule("blocks.*.ffn.net.0.proj", Split.COLUMN),
    ShardRule("blocks.*.ffn.net.2", Split.ROW),
)
"""Text-to-video. An image-to-video model also has add_k_proj, add_v_proj and norm_added_k; the
loader refuses such a model."""

WAN_SEQUENCE = SequenceRules(
    positions="rope",
    first_block="blocks.0",
    last_projection="proj_out",
    attention="blocks.*.attn1",
)
"""Cross-attention (attn2) stays local: each rank's queries look at the whole text."""
