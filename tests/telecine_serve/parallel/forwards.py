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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """What goes into one forward pass."""

    model: str
    size_THW: tuple[int, int, int] = (3, 3, 5)
    """In patches: 45 tokens, which divide over neither 2 nor 4 ranks."""
    has_token_timesteps: bool = False
    """One per token, as in Wan 2.2 TI2V and LTX from a picture."""
    is_guided: bool = False


_CASES = {
    "48 tokens": _Case(model="wan", size_THW=(3, 4, 4)),
    "45 tokens": _Case(model="wan"),
    "45 timesteps": _Case(model="wan", has_token_timesteps=True),
    "guided": _Case(model="wan", is_guided=True),
    # Cross-attention also sees CLIP's tokens, as in Wan 2.1 I2V.
    "image": _Case(model="wan-image"),
    "ltx, 48 tokens": _Case(model="ltx", size_THW=(3, 4, 4)),
    "ltx, 45 timesteps": _Case(model="ltx", has_token_timesteps=True),
    "ltx, guided": _Case(model="ltx", is_guided=True),
}
INPUTS = tuple(_CASES)
INPUTS_OF_FOUR = ("45 tokens", "guided", "image", "ltx, 45 timesteps", "ltx, guided")
"""Four ranks on two cores are slow; what they leave out differs from these in nothing that has to
do with the number of ranks."""
GUIDED = frozenset(name for name, case in _CASES.items() if case.is_guided)


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


def small_ltx(dtype: torch.dtype) -> Any:  # Any: as above
    from diffusers import LTXVideoTransformer3DModel

    torch.manual_seed(0)
    transformer = LTXVideoTransformer3DModel(
        in_channels=16,
        out_channels=16,
        num_attention_heads=4,
        attention_head_dim=24,
        cross_attention_dim=96,
        num_layers=2,
        caption_channels=16,
    )
    return transformer.eval().to(dtype)


def differences(axes: Axes) -> dict[str, Difference]:
    """By input; every rank of a gang of `axes.num_ranks` calls it alike."""
    from telecine_serve.models.divide import divide
    from telecine_serve.models.families import FAMILIES
    from telecine_serve.parallel.mesh import arrange_ranks

    ranks = arrange_ranks(axes, CPU, timeout_s=60)
    names = INPUTS if axes.num_ranks == 2 else INPUTS_OF_FOUR
    whole, on_gang = {}, {}
    for dtype in (torch.float32, torch.bfloat16):
        for model, transformer in (
            ("wan", small_transformer(dtype=dtype)),
            ("wan-image", small_transformer(dtype=dtype, sees_images=True)),
            ("ltx", small_ltx(dtype)),
        ):
            cases = {name: _CASES[name] for name in names if _CASES[name].model == model}
            for name, case in cases.items():
                whole[name, dtype] = _forward(transformer, case, dtype, None)
            divide(transformer, FAMILIES[model.removesuffix("-image")], ranks)
            for name, case in cases.items():
                on_gang[name, dtype] = _forward(transformer, case, dtype, ranks)
    return {
        name: Difference(
            fp32_max=_max(on_gang[name, torch.float32] - whole[name, torch.float32]),
            bf16_rms=_rms(on_gang[name, torch.bfloat16] - whole[name, torch.float32]),
            bf16_rms_of_one_rank=_rms(whole[name, torch.bfloat16] - whole[name, torch.float32]),
            is_same_on_all_ranks=_is_same(on_gang[name, torch.float32], ranks.world_group)
            and _is_same(on_gang[name, torch.bfloat16], ranks.world_group),
        )
        for name in names
    }


def forward(transformer: Any, name: str) -> torch.Tensor:  # Any: as above
    """One of `INPUTS` on one rank, or on ranks that share its layers."""
    return _forward(transformer, _CASES[name], torch.float32, None)


@torch.no_grad()
def _forward(transformer: Any, case: _Case, dtype: torch.dtype, ranks: Any) -> torch.Tensor:
    from telecine_serve.parallel.guidance import guided_velocity

    generator = torch.Generator().manual_seed(1)
    num_frames, height, width = case.size_THW
    num_tokens = num_frames * height * width
    # diffusers' Wan attention takes what is beyond 512 text tokens for the image's.
    num_text_tokens = 512 if case.model == "wan-image" else 6

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator).to(dtype)

    inputs: dict[str, Any] = {"timestep": torch.tensor([500.0]), "return_dict": False}
    if case.has_token_timesteps:
        inputs["timestep"] = torch.linspace(0, 900, num_tokens).unsqueeze(0)
    if case.model == "ltx":
        inputs |= {
            "hidden_states": noise(1, num_tokens, 16),
            "encoder_attention_mask": torch.tensor([[1, 1, 1, 1, 0, 0]]),
            "num_frames": num_frames,
            "height": height,
            "width": width,
            "rope_interpolation_scale": (8 / 25, 32, 32),
        }
    else:
        inputs["hidden_states"] = noise(1, 4, num_frames, 2 * height, 2 * width)
    texts = [noise(1, num_text_tokens, 16) for _ in range(2 if case.is_guided else 1)]
    if case.model == "wan-image":
        inputs["encoder_hidden_states_image"] = noise(1, 5, 24)

    def predict(half: int) -> torch.Tensor:
        output: torch.Tensor = transformer(encoder_hidden_states=texts[half], **inputs)[0]
        return output

    return guided_velocity(predict, len(texts), GUIDANCE_SCALE, ranks)


def _max(difference: torch.Tensor) -> float:
    return difference.abs().max().item()


def _rms(difference: torch.Tensor) -> float:
    return difference.float().square().mean().sqrt().item()


def _is_same(tensor: torch.Tensor, group: Any) -> bool:
    from telecine_serve.parallel.collectives import broadcast

    first = tensor.clone()
    broadcast(first, group, source_rank=0)
    return torch.equal(first, tensor)
