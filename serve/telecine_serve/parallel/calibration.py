"""The planner's constants, in one table. None was measured on a GPU by us yet: replace them by
measurements of your own cluster, they only decide between plans that fit."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Speeds are per GPU."""

    flops_per_s: float = 400e12
    """bf16, sustained. Assumed in facts/engine.md section 9. Published runs of Wan 14B on one H100
    (facts/serving.md section 2) come to 370 (xDiT) to 640 (LightX2V) in 480p."""
    node_bytes_per_s: float = 350e9
    """NVLink, one direction (same source)."""
    network_bytes_per_s: float = 40e9
    """Between nodes (same source)."""
    collective_latency_s: float = 30e-6
    """Of one collective, however small. Guess."""
    host_bytes_per_s: float = 25e9
    """From host memory to a GPU, PCIe 4 x16 (facts/engine.md: 25 to 30)."""
    host_share: float = 0.8
    """Of a node's memory that weights may take: processes, shared memory and the files that are
    read want the rest. Guess."""
    streamed_blocks: int = 3
    """Of streamed weights, on the GPU at once: the block that computes, the next one as it is
    gathered, and as it is put together. Counted in DeepSpeed 0.19.8, `AllGatherCoalescedHandle`."""
    activation_widths: float = 5.0
    """Token-sized bf16 tensors alive at the peak of a block on every rank. Guess (same source)."""
    activation_sharded_widths: float = 5.4
    """The same for what tensor parallelism divides: q, k, v and the feed-forward layer. Guess."""
    decode_full_frames: int = 16
    """Full-resolution float32 feature maps alive in an untiled decode: 4 tensors of 4 frames.
    Counted in `WanDecoder3d`, diffusers 0.42.1."""
    decode_cached_frames: int = 14
    """Feature maps that its causal convolutions keep: 7 layers x 2 frames (same source)."""
    decode_maps_at_once: int = 4
    """Feature maps of each frame alive in a VAE that decodes all at once: a residual block's.
    Counted in `LTXVideoResnetBlock3d`, diffusers 0.42.1."""
    decode_pixels_per_s: float = 12e6
    """Output pixels of the VAE. Guess."""
    decode_tiled_slowdown: float = 1.2
    """Measured on a CPU: 2.9 s for 2.4 s (facts/engine.md section 5)."""
    text_on_host_s: float = 12.0
    """Two prompts through UMT5-XXL on CPU cores: 12 TFLOP at an assumed 1 TFLOP/s."""
    text_on_gpu_s: float = 0.1
    """The same on the GPU. Guess."""
    reserve_bytes: float = 2e9
    """CUDA context, NCCL buffers, fragmentation. Guess."""


CALIBRATION = Calibration()
