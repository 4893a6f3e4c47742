"""Dims: B batch, C channels, T frames, H height, W width; S tokens, D width."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.ranks import run_ranks

_CPU = torch.device("cpu")


def _small_transformer(num_heads: int) -> Any:  # Any: diffusers ships no types
    from diffusers import WanTransformer3DModel

    torch.manual_seed(0)
    return WanTransformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=num_heads,
        attention_head_dim=32,
        in_channels=4,
        out_channels=4,
        text_dim=16,
        freq_dim=32,
        ffn_dim=64 * num_heads,
        num_layers=2,
        cross_attn_norm=True,
    ).eval()


@torch.no_grad()
def _forward(transformer: Any, dtype: torch.dtype) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    latents_BCTHW = torch.randn(1, 4, 3, 8, 8, generator=generator).to(dtype)
    text_BSD = torch.randn(1, 6, 16, generator=generator).to(dtype)
    output_BCTHW: torch.Tensor = transformer(
        latents_BCTHW, torch.tensor([500]), text_BSD, return_dict=False
    )[0]
    return output_BCTHW


def _sharded_forwards(
    rank: int, world_size: int, port: int, dtypes: list[torch.dtype]
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Per dtype, the output on one rank and this rank's output with shards over two."""
    from telecine_serve.models.wan_sharding import WAN_SHARDING
    from telecine_serve.parallel.mesh import close_ranks, init_ranks
    from telecine_serve.parallel.tensor import shard_tensor_parallel

    ranks = init_ranks(rank, world_size, "127.0.0.1", port, _CPU, tp_size=2, timeout_s=60)
    outputs = []
    for dtype in dtypes:
        transformer = _small_transformer(num_heads=4).to(dtype)
        whole_BCTHW = _forward(transformer, dtype)
        shard_tensor_parallel(transformer, WAN_SHARDING, ranks.tp_group)
        outputs.append((whole_BCTHW, _forward(transformer, dtype)))
    close_ranks()
    return outputs


# Tolerances: float32 as the engine promises; bfloat16 is about three roundings of values near 2.6.
_TOLERANCE_FROM_DTYPE = {torch.float32: 1e-5, torch.bfloat16: 5e-2}


@pytest.mark.slow
@pytest.mark.parametrize("world_size", [2, 4], ids=["tp2", "two-tp2-groups"])
def test_shards_give_the_whole_models_output_bitwise_equal_on_all_ranks(world_size: int) -> None:
    results = run_ranks(_sharded_forwards, world_size, list(_TOLERANCE_FROM_DTYPE))

    for outputs in results:
        for (whole_BCTHW, sharded_BCTHW), first, tolerance in zip(
            outputs, results[0], _TOLERANCE_FROM_DTYPE.values(), strict=True
        ):
            assert (whole_BCTHW - sharded_BCTHW).abs().max() <= tolerance
            assert torch.equal(sharded_BCTHW, first[1])


def _shard_errors(rank: int, world_size: int, port: int) -> list[str]:
    from telecine_platform.errors import PlanError
    from telecine_serve.models.wan_sharding import WAN_SHARDING
    from telecine_serve.parallel.mesh import close_ranks, init_ranks
    from telecine_serve.parallel.rules import ShardRule, Split
    from telecine_serve.parallel.tensor import shard_tensor_parallel

    ranks = init_ranks(rank, world_size, "127.0.0.1", port, _CPU, timeout_s=60)
    unknown = (*WAN_SHARDING, ShardRule("blocks.*.attn9.to_q", Split.COLUMN))
    wrong_kind = (ShardRule("blocks.*.norm2", Split.ROW),)
    messages = []
    for num_heads, rules in ((4, unknown), (3, WAN_SHARDING), (4, wrong_kind)):
        transformer = _small_transformer(num_heads)
        before = str(transformer)
        try:
            shard_tensor_parallel(transformer, rules, ranks.tp_group)
        except PlanError as error:
            messages.append(str(error))
        assert str(transformer) == before, "a refused transformer must stay whole"
    close_ranks()
    return messages


@pytest.mark.slow
def test_table_that_does_not_fit_raises_before_any_layer_is_touched() -> None:
    for messages in run_ranks(_shard_errors, 2):
        assert "attn9.to_q" in messages[0]
        assert "3 heads do not divide over 2" in messages[1]
        assert "not a linear layer" in messages[2]
