"""The numbers of a model that its memory, traffic and time follow from. Pure."""

from __future__ import annotations

from dataclasses import dataclass

BYTES_BF16 = 2
BYTES_FP32 = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """A diffusion transformer of Wan's or LTX's kind with its text encoder and VAE."""

    num_layers: int
    width: int
    ffn_width: int
    num_heads: int
    num_experts: int
    """Transformers of this size; each step runs one (Wan 2.2 A14B has a high- and a low-noise)."""
    text_width: int
    num_text_tokens: int
    latent_channels: int
    frames_per_latent: int
    pixels_per_latent: int
    pixels_per_patch: int
    text_encoder_bytes: int
    vae_bytes: int
    vae_top_channels: int
    """Channels of the VAE decoder at full resolution."""
    attends_to_images: bool = False
    """Whether cross-attention has keys and values of its own for CLIP's view of a picture."""
    image_encoder_bytes: int = 0
    is_decoded_at_once: bool = False
    """Whether the VAE has all frames in hand, and not one latent frame after another."""
    decode_tile_px: int = 256
    """Side of a tile when decoding tiled: diffusers' default for the VAE."""
    decode_stride_px: int = 192
    """From a tile to the next (same source)."""

    @property
    def num_sharded_parameters(self) -> int:
        """Of one expert: self- and cross-attention (4 d^2 each, 2 d^2 more where it attends to
        images) and the feed-forward layer (2df).

        Source: facts/engine.md section 9.
        """
        d, f = self.width, self.ffn_width
        num_squares = 10 if self.attends_to_images else 8
        return self.num_layers * (num_squares * d * d + 2 * d * f)

    @property
    def num_replicated_parameters(self) -> int:
        """Of one expert: the condition embedder; patches, norms and tables are negligible.

        Source: `WanTimeTextImageEmbedding`, diffusers 0.42.1: time d^2 + 256 d, its projection
        6 d^2, text d^2 + text_width d; LTX's layers are as large.
        """
        d = self.width
        return 8 * d * d + (256 + self.text_width) * d


def expert_bytes(architecture: Architecture, tp_size: int) -> float:
    """One rank's part of one expert in bf16."""
    num_parameters = (
        architecture.num_sharded_parameters / tp_size + architecture.num_replicated_parameters
    )
    return BYTES_BF16 * num_parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipShape:
    """What is to be generated."""

    width_px: int
    height_px: int
    num_frames: int
    num_steps: int
    is_guided: bool
    """Two forward passes per step (classifier-free guidance)."""
    has_step_cache: bool = False
    """Whether it may ask for one: what that remembers needs room."""

    @property
    def num_forwards(self) -> int:
        """Per step."""
        return 2 if self.is_guided else 1


def num_latent_frames(architecture: Architecture, clip: ClipShape) -> int:
    return (clip.num_frames - 1) // architecture.frames_per_latent + 1


def num_tokens(architecture: Architecture, clip: ClipShape) -> int:
    """S = ((frames - 1) / 4 + 1) x (height / 16) x (width / 16) for Wan's VAE and patches."""
    per_frame = (clip.height_px // architecture.pixels_per_patch) * (
        clip.width_px // architecture.pixels_per_patch
    )
    return num_latent_frames(architecture, clip) * per_frame


def latent_bytes(architecture: Architecture, clip: ClipShape) -> int:
    """Of the latents in float32."""
    per_frame = (clip.height_px // architecture.pixels_per_latent) * (
        clip.width_px // architecture.pixels_per_latent
    )
    num_values = architecture.latent_channels * num_latent_frames(architecture, clip) * per_frame
    return num_values * BYTES_FP32
