"""The LTX family's sharding tables. What the first does not name is replicated.

Source: diffusers 0.42.1 `models/transformers/transformer_ltx.py` for the module names.
"""

from __future__ import annotations

from telecine_serve.parallel.rules import SequenceRules, ShardRule, Split


def _attention_rules(name: str) -> tuple[ShardRule, ...]:
    prefix = f"transformer_blocks.*.{name}"
    return (
        ShardRule(prefix, Split.HEADS),
        ShardRule(f"{prefix}.to_q", Split.COLUMN),
        ShardRule(f"{prefix}.to_k", Split.COLUMN),
        ShardRule(f"{prefix}.to_v", Split.COLUMN),
        ShardRule(f"{prefix}.norm_q", Split.NORM),
        ShardRule(f"{prefix}.norm_k", Split.NORM),
        ShardRule(f"{prefix}.to_out.0", Split.ROW),
    )


LTX_SHARDING: tuple[ShardRule, ...] = (
    *_attention_rules("attn1"),
    *_attention_rules("attn2"),
    ShardRule("transformer_blocks.*.ff.net.0.proj", Split.COLUMN),
    ShardRule("transformer_blocks.*.ff.net.2", Split.ROW),
)

LTX_SEQUENCE = SequenceRules(
    positions="rope",
    first_block="transformer_blocks.0",
    last_projection="proj_out",
    attention="transformer_blocks.*.attn1",
)
"""Cross-attention (attn2) stays local: each rank's queries look at the whole text."""
