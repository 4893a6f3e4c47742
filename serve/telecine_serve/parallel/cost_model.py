"""Memory, traffic and time of one way to divide a model: formulas without side effects.

Letters: L layers, d width, S tokens, A = 2 S d bytes, the hidden states in bf16. Source unless
another is named: facts/engine.md section 9 ("paper" there: arithmetic, to be calibrated).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from telecine_serve.parallel.architecture import (
    BYTES_BF16,
    BYTES_FP32,
    Architecture,
    ClipShape,
    expert_bytes,
    latent_bytes,
    num_tokens,
)
from telecine_serve.parallel.axes import Axes
from telecine_serve.parallel.calibration import Calibration
from telecine_serve.parallel.placement import ALL_ON_GPU, Placement

_CACHED_WIDTHS = 2
"""What the first block added to the tokens, and what the others did (`engine/step_cache.py`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Bytes on the leading rank's GPU, the fullest: only it holds text encoder and VAE."""

    transformer_bytes: float
    text_encoder_bytes: float
    vae_bytes: float
    """With the image encoder, where there is one."""
    denoise_bytes: float
    """Activations at the peak of a transformer block, and what a step cache keeps."""
    decode_bytes: float
    """Activations of the VAE; never at the same time as those of denoising."""
    reserve_bytes: float

    @property
    def total_bytes(self) -> float:
        held = self.transformer_bytes + self.text_encoder_bytes + self.vae_bytes
        return held + max(self.denoise_bytes, self.decode_bytes) + self.reserve_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Bytes that one rank sends in one step."""

    tp_bytes: float
    sp_bytes: float
    cfg_bytes: float
    weights_bytes: float
    """Its part of the transformer to the other ranks, where weights are streamed."""
    bus_bytes: float
    """The same from host memory to its GPU; not sent, so not in the total."""

    @property
    def total_bytes(self) -> float:
        return self.tp_bytes + self.sp_bytes + self.cfg_bytes + self.weights_bytes


def memory_of(
    architecture: Architecture,
    clip: ClipShape,
    axes: Axes,
    placement: Placement,
    calibration: Calibration,
) -> Memory:
    """Weights in bf16 (the VAE in float32): (sharded / tp + replicated) per resident expert; of
    streamed ones some blocks and what is not in blocks.

    Activations: A (5 + 5.4 / tp) / sp; a step cache 2 A / sp for each half that a rank predicts.
    """
    hidden_bytes = BYTES_BF16 * num_tokens(architecture, clip) * architecture.width
    num_widths = (
        calibration.activation_widths + calibration.activation_sharded_widths / axes.tp_size
    )
    if clip.has_step_cache:
        num_widths += _CACHED_WIDTHS * clip.num_forwards / axes.cfg_size
    return Memory(
        transformer_bytes=_transformer_bytes(architecture, axes, placement, calibration),
        text_encoder_bytes=architecture.text_encoder_bytes * placement.is_text_encoder_on_gpu,
        vae_bytes=architecture.vae_bytes + architecture.image_encoder_bytes,
        denoise_bytes=hidden_bytes * num_widths / axes.sp_size,
        decode_bytes=_decode_bytes(architecture, clip, placement, calibration),
        reserve_bytes=calibration.reserve_bytes,
    )


def host_bytes(
    architecture: Architecture, axes: Axes, placement: Placement, node_size: int
) -> float:
    """Of one node's host memory, with a rank for each of its GPUs: each rank's part of every expert
    if they take turns or are streamed (its pages are locked), and a gang's text encoder if it runs
    there.
    """
    num_bytes = 0.0
    if placement.are_weights_streamed:
        of_rank_bytes = architecture.num_experts * expert_bytes(architecture, 1) / axes.num_ranks
        num_bytes += node_size * of_rank_bytes
    if not placement.are_all_experts_resident:
        of_rank_bytes = architecture.num_experts * expert_bytes(architecture, axes.tp_size)
        num_bytes += node_size * of_rank_bytes
    if not placement.is_text_encoder_on_gpu:
        num_bytes += max(1, node_size // axes.num_ranks) * architecture.text_encoder_bytes
    return num_bytes


def traffic_of(
    architecture: Architecture, clip: ClipShape, axes: Axes, placement: Placement = ALL_ON_GPU
) -> Traffic:
    """Per rank and step: tp 6 L A (tp-1) / (tp sp) for 3 ring all-reduces per block, sp
    4 L A (sp-1) / (sp^2 tp) for 4 all-to-alls, per forward; cfg one prediction per step. Streamed
    weights W on n ranks: W / n over the bus and W (n-1) / n by ring all-gathers, per forward.
    """
    hidden_bytes = BYTES_BF16 * num_tokens(architecture, clip) * architecture.width
    per_forward = architecture.num_layers * hidden_bytes
    num_forwards = clip.num_forwards / axes.cfg_size
    tp, sp, n = axes.tp_size, axes.sp_size, axes.num_ranks
    streamed_bytes = num_forwards * expert_bytes(architecture, 1) * placement.are_weights_streamed
    return Traffic(
        tp_bytes=num_forwards * 6 * per_forward * (tp - 1) / (tp * sp),
        sp_bytes=num_forwards * 4 * per_forward * (sp - 1) / (sp * sp * tp),
        cfg_bytes=latent_bytes(architecture, clip) * (axes.cfg_size - 1.0),
        weights_bytes=streamed_bytes * (n - 1) / n,
        bus_bytes=streamed_bytes / n,
    )


def forward_flops(architecture: Architecture, clip: ClipShape) -> float:
    """Of one forward pass on all ranks together: per layer and token 2 (6 d^2 + 2 d f) for linear
    layers and 4 d (S + text tokens) for both attentions; 2 d^2 of weights see text tokens only.
    """
    S, d = num_tokens(architecture, clip), architecture.width
    T = architecture.num_text_tokens
    linear = 2 * S * (6 * d * d + 2 * d * architecture.ffn_width) + 4 * T * d * d
    attention = 4 * S * (S + T) * d
    return float(architecture.num_layers * (linear + attention))


def step_seconds(
    architecture: Architecture,
    clip: ClipShape,
    axes: Axes,
    gpus_per_node: int,
    calibration: Calibration,
    placement: Placement = ALL_ON_GPU,
) -> float:
    """Computing plus sending plus latencies: nothing overlaps in our engine. (Streamed weights do,
    with the block before: not counted until it is measured.)

    Latencies per forward and block: 5 collectives for tp (3 of activations, 2 of norm statistics),
    4 for sp, 1 for streamed weights. A group that leaves its node is counted as if all its bytes
    did.
    """
    num_forwards = clip.num_forwards / axes.cfg_size
    flops = forward_flops(architecture, clip) / (axes.sp_size * axes.tp_size)
    traffic = traffic_of(architecture, clip, axes, placement)
    num_collectives = architecture.num_layers * (
        5 * (axes.tp_size > 1) + 4 * (axes.sp_size > 1) + placement.are_weights_streamed
    )

    def seconds_to_send(num_bytes: float, span: int) -> float:
        is_inside_node = gpus_per_node % span == 0
        speed = calibration.node_bytes_per_s if is_inside_node else calibration.network_bytes_per_s
        return num_bytes / speed

    return (
        num_forwards * flops / calibration.flops_per_s
        + seconds_to_send(traffic.tp_bytes, axes.tp_size)
        + seconds_to_send(traffic.sp_bytes, axes.tp_size * axes.sp_size)
        + seconds_to_send(traffic.cfg_bytes, axes.num_ranks)
        + seconds_to_send(traffic.weights_bytes, axes.num_ranks)
        + traffic.bus_bytes / calibration.host_bytes_per_s
        + num_forwards * num_collectives * calibration.collective_latency_s
    )


def clip_overhead_seconds(
    architecture: Architecture,
    clip: ClipShape,
    axes: Axes,
    placement: Placement,
    calibration: Calibration,
) -> float:
    """What a clip takes beside its steps: text, copies of experts, decoding on one GPU; tiles go
    round all of the gang's.
    """
    text_s = (
        calibration.text_on_gpu_s
        if placement.is_text_encoder_on_gpu
        else calibration.text_on_host_s
    )
    copied_bytes = 0.0
    if not placement.are_all_experts_resident:
        copied_bytes = architecture.num_experts * expert_bytes(architecture, axes.tp_size)
    num_pixels = clip.num_frames * clip.width_px * clip.height_px
    decode_s = num_pixels / calibration.decode_pixels_per_s
    if placement.is_decode_tiled:
        rows, columns = (
            math.ceil(side_px / architecture.decode_stride_px)
            for side_px in (clip.height_px, clip.width_px)
        )
        most_on_a_rank = math.ceil(rows * columns / axes.num_ranks)
        decode_s *= calibration.decode_tiled_slowdown * most_on_a_rank / (rows * columns)
    return text_s + copied_bytes / calibration.host_bytes_per_s + decode_s


def _transformer_bytes(
    architecture: Architecture, axes: Axes, placement: Placement, calibration: Calibration
) -> float:
    if placement.are_weights_streamed:
        block_size = architecture.num_sharded_parameters / architecture.num_layers
        size = calibration.streamed_blocks * block_size + architecture.num_replicated_parameters
        return BYTES_BF16 * size
    num_resident = architecture.num_experts if placement.are_all_experts_resident else 1
    return num_resident * expert_bytes(architecture, axes.tp_size)


def _decode_bytes(
    architecture: Architecture, clip: ClipShape, placement: Placement, calibration: Calibration
) -> float:
    """Feature maps at full resolution, and the finished video in float32.

    In tiles: one tile's maps, but all tiles, the rows that they are joined to and the video
    (source: `AutoencoderKLWan.tiled_decode`, diffusers 0.42.1).
    """
    num_pixels = clip.width_px * clip.height_px
    video_bytes = 3 * clip.num_frames * num_pixels * BYTES_FP32
    if placement.is_decode_tiled:
        num_pixels = min(num_pixels, architecture.decode_tile_px**2)
        overlap = (architecture.decode_tile_px / architecture.decode_stride_px) ** 2
        video_bytes = math.ceil(video_bytes * (overlap + 2))
    num_maps = calibration.decode_full_frames + calibration.decode_cached_frames
    if architecture.is_decoded_at_once:
        num_maps = calibration.decode_maps_at_once * clip.num_frames
    return num_pixels * num_maps * architecture.vae_top_channels * BYTES_FP32 + video_bytes
