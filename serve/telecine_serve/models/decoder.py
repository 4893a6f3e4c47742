"""A VAE as decoding needs it, whole or tile by tile. Dims as in `models/family.py`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import nn


class Decoder(ABC):
    """From normalised latents to video in -1 to 1."""

    def __init__(self, vae: Any) -> None:  # Any: diffusers types no autoencoder
        self.vae = vae

    @property
    @abstractmethod
    def pixels_per_latent(self) -> int:
        """Height and width of what `decode_tile` makes of one latent."""

    @property
    @abstractmethod
    def parts(self) -> list[nn.Module]:
        """Modules of which each call is a piece of a decode: it may be stopped behind one."""

    @abstractmethod
    def prepared(self, latents_BCTHW: torch.Tensor) -> torch.Tensor:
        """As the VAE was trained on them, in its type."""

    def decode(self, prepared_BCTHW: torch.Tensor) -> torch.Tensor:
        """`video_BCTHW`, in tiles if the VAE is set to and the clip is larger than one."""
        video_BCTHW: torch.Tensor = self.vae.decode(prepared_BCTHW, return_dict=False)[0]
        return video_BCTHW

    @abstractmethod
    def decode_tile(self, prepared_BCTHW: torch.Tensor) -> torch.Tensor:
        """What the VAE's own tiled decode makes of one tile before it joins them."""
