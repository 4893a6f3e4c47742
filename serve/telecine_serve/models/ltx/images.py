"""From a picture to LTX's clean first frame: the leader encodes, all ranks get the same.

Source: `LTXImageToVideoPipeline.prepare_latents`, diffusers 0.42.1, which samples the VAE's
posterior, and draws for that before it draws the clip's noise. Dims as in `models/family.py`.
"""

from __future__ import annotations

import torch

from telecine_platform.errors import ModelError
from telecine_platform.records import VideoSpec
from telecine_serve.models.condition import CleanFirstFrame, Condition, TextOnly
from telecine_serve.models.family import Model, generator_of
from telecine_serve.models.geometry import Geometry
from telecine_serve.models.images import Images, Picture, scaled_picture
from telecine_serve.parallel.collectives import broadcast
from telecine_serve.parallel.mesh import RankContext


def encode_first_frame(
    model: Model, spec: VideoSpec, images: Images, ranks: RankContext | None
) -> Condition:
    """After `check_images`. Collective where there is more than one rank."""
    if images.first_HWC is None:
        return TextOnly()
    noise_BC1HW = posterior_noise(spec, model.geometry, generator_of(spec)).to(model.device)
    frame_BC1HW = torch.empty_like(noise_BC1HW)
    if model.ends is not None:
        frame_BC1HW = _sampled_latents(model, images.first_HWC, noise_BC1HW)
    if ranks is not None and ranks.world_size > 1:
        broadcast(frame_BC1HW, ranks.world_group, source_rank=ranks.leader_rank)
    latents_per_patch = model.geometry.latents_per_patch
    return CleanFirstFrame(frame_BC1HW=frame_BC1HW, latents_per_patch=latents_per_patch)


def posterior_noise(
    spec: VideoSpec, geometry: Geometry, generator: torch.Generator
) -> torch.Tensor:
    """What the picture's latents are sampled with; the first that is drawn from the seed."""
    return torch.randn(geometry.latents_shape(spec, 1), generator=generator)


def _sampled_latents(model: Model, picture_HWC: Picture, noise_BC1HW: torch.Tensor) -> torch.Tensor:
    """Normalised; raises ModelError if the VAE gave no finite numbers."""
    assert model.decoder is not None  # the leader has a VAE
    vae = model.decoder.vae
    video_BC1HW = scaled_picture(picture_HWC, model.device).unsqueeze(0)
    posterior = vae.encode(video_BC1HW.to(vae.dtype)).latent_dist
    sampled_BC1HW: torch.Tensor = (posterior.mean + posterior.std * noise_BC1HW).float()
    if not torch.isfinite(sampled_BC1HW).all():
        raise ModelError("the VAE made no finite numbers of a picture: its weights do not fit")
    mean_C111, std_C111 = (
        of_channel.view(-1, 1, 1, 1).to(sampled_BC1HW)
        for of_channel in (vae.latents_mean, vae.latents_std)
    )
    scaled_BC1HW: torch.Tensor = (
        (sampled_BC1HW - mean_C111) * float(vae.config.scaling_factor) / std_C111
    )
    return scaled_BC1HW.contiguous()
