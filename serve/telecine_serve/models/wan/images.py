"""From pictures to a condition: the leader encodes, all ranks get the same.

Source: `WanImageToVideoPipeline.prepare_latents` and `.encode_image`, diffusers 0.42.1. Dims: B
batch (1), C channels, T frames, H height, W width; S tokens, D width; P pictures.
"""

from __future__ import annotations

from typing import Any

import torch

from telecine_platform.errors import ModelError
from telecine_platform.records import VideoSpec
from telecine_serve.models.condition import CleanFirstFrame, Condition, TextOnly
from telecine_serve.models.family import Ends, Model
from telecine_serve.models.images import Images, Picture, scaled_picture
from telecine_serve.models.wan.condition import Concatenated
from telecine_serve.models.wan.geometry import Conditioning, WanGeometry
from telecine_serve.parallel.collectives import broadcast
from telecine_serve.parallel.mesh import RankContext


@torch.no_grad()
def encode_images(
    model: Model,
    geometry: WanGeometry,
    spec: VideoSpec,
    images: Images,
    ranks: RankContext | None,
) -> Condition:
    """After `check_images`. Collective where there is more than one rank."""
    if not images.given:
        return TextOnly()
    is_clean_frame = geometry.conditioning is Conditioning.CLEAN_FRAME
    num_frames = 1 if is_clean_frame else spec.num_frames
    latents_BCTHW = torch.empty(
        geometry.latents_shape(spec, num_frames), dtype=torch.float32, device=model.device
    )
    image_BSD = _empty_embedding(model, geometry)
    if model.ends is not None:
        assert model.decoder is not None  # the leader has a VAE
        video_BCTHW = _video(images, num_frames, model.device)
        latents_BCTHW = _latents_from_video(model.decoder.vae, video_BCTHW)
        if image_BSD is not None:
            image_BSD = _embed(model.ends, images.given, model.dtype, model.device)
    for tensor in (latents_BCTHW, image_BSD):
        if tensor is not None and ranks is not None and ranks.world_size > 1:
            broadcast(tensor, ranks.world_group, source_rank=ranks.leader_rank)
    if is_clean_frame:
        return CleanFirstFrame(
            frame_BC1HW=latents_BCTHW, latents_per_patch=geometry.latents_per_patch
        )
    mask_BCTHW = _mask_of_given(latents_BCTHW, geometry, has_last=images.last_HWC is not None)
    channels_BCTHW = torch.cat([mask_BCTHW, latents_BCTHW], dim=1)
    return Concatenated(channels_BCTHW=channels_BCTHW, image_BSD=image_BSD)


def _video(images: Images, num_frames: int, device: torch.device) -> torch.Tensor:
    """`video_BCTHW` from -1 to 1: the pictures at its ends, grey (0) between them."""
    frames = [scaled_picture(picture_HWC, device) for picture_HWC in images.given]
    num_grey = num_frames - len(frames)
    grey_CTHW = frames[0].new_zeros(3, num_grey, *frames[0].shape[2:])
    return torch.cat([frames[0], grey_CTHW, *frames[1:]], dim=1).unsqueeze(0)


def _latents_from_video(vae: Any, video_BCTHW: torch.Tensor) -> torch.Tensor:
    """The mean of the VAE's posterior, normalised. Any: diffusers does not type AutoencoderKLWan.

    Raises ModelError if the model gave no finite numbers.
    """
    mean_C111 = torch.tensor(vae.config.latents_mean).view(-1, 1, 1, 1).to(video_BCTHW.device)
    std_C111 = torch.tensor(vae.config.latents_std).view(-1, 1, 1, 1).to(video_BCTHW.device)
    encoded_BCTHW: torch.Tensor = vae.encode(video_BCTHW.to(vae.dtype)).latent_dist.mode().float()
    if not torch.isfinite(encoded_BCTHW).all():
        raise ModelError("the VAE made no finite numbers of a picture: its weights do not fit")
    # Times the reciprocal, not divided, to round as diffusers does.
    return ((encoded_BCTHW - mean_C111) * (1.0 / std_C111)).contiguous()


def _mask_of_given(
    latents_BCTHW: torch.Tensor, geometry: WanGeometry, *, has_last: bool
) -> torch.Tensor:
    """1 where a frame is given. A latent frame's channels are its frames; the first latent frame
    stands for one frame only, which is repeated.
    """
    num_clips, _, num_latent_frames, height, width = latents_BCTHW.shape
    mask_T = latents_BCTHW.new_zeros(num_latent_frames * geometry.frames_per_latent)
    mask_T[: geometry.frames_per_latent] = 1
    if has_last:
        mask_T[-1] = 1
    mask_CT = mask_T.view(num_latent_frames, geometry.frames_per_latent).T
    return mask_CT[None, :, :, None, None].expand(num_clips, -1, -1, height, width)


def _empty_embedding(model: Model, geometry: WanGeometry) -> torch.Tensor | None:
    embedding = geometry.image_embedding
    if embedding is None:
        return None
    shape = (embedding.num_pictures, embedding.num_tokens, embedding.width)
    return torch.empty(shape, dtype=model.dtype, device=model.device)


def _embed(
    ends: Ends, pictures: list[Picture], dtype: torch.dtype, device: torch.device
) -> torch.Tensor:
    """`image_PSD`: the last but one hidden states of CLIP's encoder."""
    from PIL import Image

    assert ends.image_encoder is not None  # the folder has one, by its geometry
    inputs = ends.image_processor(
        images=[Image.fromarray(picture_HWC) for picture_HWC in pictures], return_tensors="pt"
    ).to(device)
    hidden = ends.image_encoder(**inputs, output_hidden_states=True).hidden_states
    image_PSD: torch.Tensor = hidden[-2].to(dtype).contiguous()
    return image_PSD
