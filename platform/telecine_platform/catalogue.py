"""What each model can make: limits and defaults, as data, so that the API can check a request
without importing the engine. The loaders are in `telecine_serve.models`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from telecine_platform.errors import NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipCost:
    """What a clip costs on one GPU before anything was measured; `scheduling/price.py` adds it up.

    Work is counted in the transformer's tokens.
    """

    clip_gpu_s: float
    """Whatever the clip: encoding the text, starting, writing the draft."""
    step_gpu_s: float
    """Per denoising step, whatever the clip."""
    token_gpu_s: float
    """Per step and token: the linear layers."""
    token_pair_gpu_s: float
    """Per step and pair of tokens: self-attention."""
    pixel_gpu_s: float
    """Per pixel of each frame: decoding."""
    token_px: int = 16
    """Height and width of the patch that a token stands for."""
    token_frames: int = 4


class ImageUse(StrEnum):
    """What a model does with a picture of the first or the last frame."""

    NEVER = "never"
    OPTIONAL = "optional"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """One servable model. Sizes are (width, height) in pixels; frames follow 4k+1 (LTX: 8k+1)."""

    name: str
    family: str
    """Which loader and sharding table serve it."""
    sizes_px: tuple[tuple[int, int], ...]
    """The first one is the default."""
    durations_s: tuple[int, ...]
    """The first one is the default."""
    fps: int
    num_steps: int
    max_num_steps: int
    guidance_scale: float
    max_text_tokens: int
    """Length to which the prompt's tokens are padded before the encoder."""
    cost: ClipCost
    flow_shift: float | None = None
    """Timestep shift of the flow-matching schedule (Wan's `shift`); None: by the clip's length."""
    first_frame: ImageUse = ImageUse.NEVER
    last_frame: ImageUse = ImageUse.NEVER
    low_noise_guidance: float = 1.0
    """Of a model with two experts: the low-noise one's share of the request's guidance."""

    def num_frames_from_s(self, duration_s: int) -> int:
        """Frames of a clip of `duration_s`: the VAE's 4x time compression wants 4k+1. LTX's wants
        8k+1, so its `fps` divides by 8.
        """
        return duration_s * self.fps + 1


def _cost(
    *,
    num_layers: int,
    width: int,
    ffn_width: int,
    num_text_tokens: int = 512,
    token_px: int = 16,
    token_frames: int = 4,
) -> ClipCost:
    """Two forward passes a step (guidance) at 400 TFLOP/s, 12 million decoded pixels a second.

    The planner's formula and assumptions (`telecine_serve/parallel/cost_model.py`), without its
    communication: what a gang really takes is learnt from its clips.
    """
    flops_per_s = 400e12
    passes = 2 * num_layers
    linear_flops = 12 * width**2 + 4 * width * ffn_width + 4 * num_text_tokens * width
    return ClipCost(
        clip_gpu_s=0.1,
        step_gpu_s=passes * 4 * num_text_tokens * width**2 / flops_per_s,
        token_gpu_s=passes * linear_flops / flops_per_s,
        token_pair_gpu_s=passes * 4 * width / flops_per_s,
        pixel_gpu_s=1 / 12e6,
        token_px=token_px,
        token_frames=token_frames,
    )


def _wan_card(
    name: str, cost: ClipCost, *, fps: int = 16, num_steps: int = 50, **values: Any
) -> ModelCard:
    """What the published Wan models have in common. Any: the fields of ModelCard."""
    return ModelCard(
        name=name,
        family="wan",
        durations_s=(5, 1, 2, 3, 4),
        fps=fps,
        num_steps=num_steps,
        max_num_steps=100,
        max_text_tokens=512,
        cost=cost,
        **values,
    )


_WAN_480P = ((832, 480), (480, 832), (624, 624))
_WAN_720P = ((1280, 720), (720, 1280), (960, 960))
_WAN_14B_COST = _cost(num_layers=40, width=5_120, ffn_width=13_824)

CATALOGUE: dict[str, ModelCard] = {
    card.name: card
    for card in (
        ModelCard(
            name="embedded",
            family="wan",
            sizes_px=((64, 64), (96, 64), (64, 96), (128, 128)),
            durations_s=(2, 1, 4),
            fps=8,
            num_steps=12,
            max_num_steps=100,
            guidance_scale=3.0,
            flow_shift=3.0,
            max_text_tokens=512,
            first_frame=ImageUse.OPTIONAL,
            # Measured on two CPU ranks: 3.8 rank-seconds for 64x64, 17 frames, 12 steps.
            cost=ClipCost(
                clip_gpu_s=0.4,
                step_gpu_s=0.25,
                token_gpu_s=3e-4,
                token_pair_gpu_s=0.0,
                pixel_gpu_s=2e-6,
            ),
        ),
        # Defaults: generate.py of Wan-Video/Wan2.1 and wan/configs of Wan-Video/Wan2.2.
        _wan_card(
            "wan2.1-t2v-1.3b",
            _cost(num_layers=30, width=1536, ffn_width=8_960),
            sizes_px=_WAN_480P,
            guidance_scale=5.0,
            flow_shift=3.0,
        ),
        _wan_card(
            "wan2.1-t2v-14b",
            _WAN_14B_COST,
            sizes_px=_WAN_720P + _WAN_480P,
            guidance_scale=5.0,
            flow_shift=5.0,
        ),
        _wan_card(
            "wan2.1-i2v-14b-480p",
            _WAN_14B_COST,
            sizes_px=_WAN_480P,
            num_steps=40,
            guidance_scale=5.0,
            flow_shift=3.0,
            first_frame=ImageUse.REQUIRED,
        ),
        _wan_card(
            "wan2.1-i2v-14b-720p",
            _WAN_14B_COST,
            sizes_px=_WAN_720P,
            num_steps=40,
            guidance_scale=5.0,
            flow_shift=5.0,
            first_frame=ImageUse.REQUIRED,
        ),
        _wan_card(
            "wan2.1-flf2v-14b-720p",
            _WAN_14B_COST,
            sizes_px=_WAN_720P,
            guidance_scale=5.0,
            flow_shift=16.0,
            first_frame=ImageUse.REQUIRED,
            last_frame=ImageUse.REQUIRED,
        ),
        # Guidance 4 of the high-noise expert, 3 of the low-noise one.
        _wan_card(
            "wan2.2-t2v-a14b",
            _WAN_14B_COST,
            sizes_px=_WAN_720P + _WAN_480P,
            num_steps=40,
            guidance_scale=4.0,
            low_noise_guidance=0.75,
            flow_shift=12.0,
        ),
        _wan_card(
            "wan2.2-i2v-a14b",
            _WAN_14B_COST,
            sizes_px=_WAN_720P + _WAN_480P,
            num_steps=40,
            guidance_scale=3.5,
            flow_shift=5.0,
            first_frame=ImageUse.REQUIRED,
        ),
        _wan_card(
            "wan2.2-ti2v-5b",
            _cost(num_layers=30, width=3_072, ffn_width=14_336, token_px=32),
            sizes_px=((1280, 704), (704, 1280)),
            fps=24,
            guidance_scale=5.0,
            flow_shift=5.0,
            first_frame=ImageUse.OPTIONAL,
        ),
        # Defaults: README of Lightricks/LTX-Video and `LTXPipeline`, diffusers 0.42.1. 24 frames a
        # second are 8k+1 in whole seconds, 25 are not.
        ModelCard(
            name="ltx-video-0.9",
            family="ltx",
            sizes_px=((704, 480), (480, 704), (768, 512), (512, 768), (1216, 704), (704, 1216)),
            durations_s=(5, 1, 2, 3, 4, 6, 8, 10),
            fps=24,
            num_steps=50,
            max_num_steps=100,
            guidance_scale=3.0,
            max_text_tokens=128,
            first_frame=ImageUse.OPTIONAL,
            cost=_cost(
                num_layers=28,
                width=2_048,
                ffn_width=8_192,
                num_text_tokens=128,
                token_px=32,
                token_frames=8,
            ),
        ),
    )
}


def card_from_name(name: str) -> ModelCard:
    """The card of `name`; `NotFound` lists what there is."""
    try:
        return CATALOGUE[name]
    except KeyError:
        raise NotFound(f"no model {name!r}; known models: {', '.join(sorted(CATALOGUE))}") from None
