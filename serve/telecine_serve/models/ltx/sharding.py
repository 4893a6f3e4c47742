"""The LTX family's sharding tables. What the first does not name is replicated.

Source: diffusers 0.42.1 `models/transformers/transformer_ltx.py` for the module names.
"""

from __future__ import annotations

from telecine_serve.models.attention import attention_rules
from telecine_serve.parallel.rules import SequenceRules, ShardRule, Split

LTX_SHARDING: tuple[ShardRule, ...] = (
    *attention_rules("transformer_blocks.*.attn1"),
    *attention_rules("transformer_blocks.*.attn2"),
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
