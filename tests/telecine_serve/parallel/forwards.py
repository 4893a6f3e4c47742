"""What the ranks of a parity test run: one forward pass on one rank and on the whole gang.

All cases of a gang size share one spawn, because starting a rank takes longer than its work.
Dims: B batch, C channels, T frames, H height, W width; S tokens, D width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from telecine_serve.parallel.axes import Axes

CPU = torch.device("cpu")
GUIDANCE_SCALE = 5.0

_SHAPE_FROM_INPUT = {
    "48 tokens": (1, 4, 3, 8, 8),
    "45 tokens": (1, 4, 3, 6, 10),
    "45 timesteps": (1, 4, 3, 6, 10),
    "guided": (1, 4, 3, 6, 10),
    "image": (1, 4, 3, 6, 10),
}
"""45 divides over neither 2 nor 4 ranks; "timesteps": one per token, as in Wan 2.2 TI2V;
"image": cross-attention also sees CLIP's tokens, as in Wan 2.1 I2V."""
INPUTS = tuple(_SHAPE_FROM_INPUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How a gang's output differs from one rank's, for one input."""

    fp32_max: float
    bf16_rms: float
    """Against float32 on one rank."""
    bf16_rms_of_one_rank: float
    is_same_on_all_ranks: bool


def small_transformer(
    num_heads: int = 4, dtype: torch.dtype = torch.float32, *, sees_images: bool = False
) -> Any:
    from diffusers import WanTransformer3DModel  # Any above: diffusers ships no types

    torch.manual_seed(0)
    transformer = WanTransformer3DModel(
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
        image_dim=24 if sees_images else None,
        added_kv_proj_dim=32 * num_heads if sees_images else None,
    )
    return transformer.eval().to(dtype)


def differences(axes: Axes) -> dict[str, Difference]:
    """By input; every rank of a gang of `axes.num_ranks` calls it alike."""
    from telecine_serve.models.wan_parallel import parallelize_wan
    from telecine_serve.parallel.mesh import arrange_ranks

    ranks = arrange_ranks(axes, CPU, timeout_s=60)
    whole, on_gang = {}, {}
    for dtype in (torch.float32, torch.bfloat16):
        for sees_images in (False, True):
            transformer = small_transformer(dtype=dtype, sees_images=sees_images)
            names = [name for name in INPUTS if (name == "image") == sees_images]
            for name in names:
                whole[name, dtype] = _forward(transformer, name, dtype, None)
            parallelize_wan(transformer, ranks)
            for name in names:
                on_gang[name, dtype] = _forward(transformer, name, dtype, ranks)
    return {
        name: Difference(
            fp32_max=_max(on_gang[name, torch.float32] - whole[name, torch.float32]),
            bf16_rms=_rms(on_gang[name, torch.bfloat16] - whole[name, torch.float32]),
            bf16_rms_of_one_rank=_rms(whole[name, torch.bfloat16] - whole[name, torch.float32]),
            is_same_on_all_ranks=_is_same(on_gang[name, torch.float32], ranks.world_group)
            and _is_same(on_gang[name, torch.bfloat16], ranks.world_group),
        )
        for name in INPUTS
    }


@torch.no_grad()
def _forward(transformer: Any, name: str, dtype: torch.dtype, ranks: Any) -> torch.Tensor:
    from telecine_serve.parallel.guidance import guided_velocity

    generator = torch.Generator().manual_seed(1)
    latents_BCTHW = torch.randn(_SHAPE_FROM_INPUT[name], generator=generator).to(dtype)
    # diffusers' attention takes what is beyond 512 text tokens for the image's.
    num_text_tokens = 512 if name == "image" else 6
    texts = [torch.randn(1, num_text_tokens, 16, generator=generator).to(dtype) for _ in range(2)]
    image_BSD = torch.randn(1, 5, 24, generator=generator).to(dtype)
    timestep = torch.tensor([500.0])
    if name == "45 timesteps":
        timestep = torch.linspace(0, 900, 45).unsqueeze(0)

    def predict(text_BSD: torch.Tensor) -> torch.Tensor:
        output_BCTHW: torch.Tensor = transformer(
            hidden_states=latents_BCTHW,
            timestep=timestep,
            encoder_hidden_states=text_BSD,
            encoder_hidden_states_image=image_BSD if name == "image" else None,
            return_dict=False,
        )[0]
        return output_BCTHW

    if name != "guided":
        texts = texts[:1]
    return guided_velocity(predict, texts, GUIDANCE_SCALE, ranks)


def _max(difference: torch.Tensor) -> float:
    return difference.abs().max().item()


def _rms(difference: torch.Tensor) -> float:
    return difference.float().square().mean().sqrt().item()


def _is_same(tensor: torch.Tensor, group: Any) -> bool:
    from telecine_serve.parallel.collectives import broadcast

    first = tensor.clone()
    broadcast(first, group, source_rank=0)
    return torch.equal(first, tensor)
