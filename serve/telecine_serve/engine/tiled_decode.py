"""Decode in tiles, each on some rank; the leader joins them as diffusers would.

Tiles overlap, and diffusers' own code blends them: it runs on the leader with a decoder that hands
out the frames that are there already. Only which tiles there are is said twice, and a disagreement
raises. Invariant: what comes out is what the VAE's `tiled_decode` (diffusers 0.42.1) gives on one
rank. Dims: B batch (1), C channels, T frames, H height, W width; latents are compressed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from typing import Any

import torch

from telecine_platform.errors import ModelError
from telecine_serve.models.decoder import Decoder
from telecine_serve.parallel.collectives import receive, send
from telecine_serve.parallel.mesh import RankContext


def num_tiles(vae: Any, latents_BCTHW: torch.Tensor) -> int:  # Any: diffusers does not type it
    """1 for a VAE that decodes whole, and for a clip that is no larger than a tile."""
    return len(_corners(vae, latents_BCTHW)) if _is_tiled(vae, latents_BCTHW) else 1


def decode_on_ranks(
    decoder: Decoder,
    prepared_BCTHW: torch.Tensor,
    ranks: RankContext,
    between_tiles: Callable[[], None],
) -> torch.Tensor | None:
    """`video_BCTHW` on the leader, None elsewhere; every rank calls it with the same latents.

    Tiles go round the ranks in turn; after each round all ranks call `between_tiles`, and what that
    raises passes. Raises GangBroken if a peer died.
    """
    vae = decoder.vae
    corners = _corners(vae, prepared_BCTHW)
    mine: dict[int, torch.Tensor] = {}
    for first in range(0, len(corners), ranks.world_size):
        place = first + ranks.rank
        if place < len(corners):
            mine[place] = decoder.decode_tile(_cut(vae, prepared_BCTHW, corners[place]))
        between_tiles()
    if not ranks.is_leader:
        for tile_BCTHW in mine.values():
            send(tile_BCTHW, ranks.world_group, to_rank=ranks.leader_rank)
        return None
    sample_BCTHW = mine[0]  # the leader has the first tile, a largest one
    tiles = []
    for place, corner in enumerate(corners):
        if place not in mine:
            height, width = _cut(vae, prepared_BCTHW, corner).shape[-2:]
            scale = decoder.pixels_per_latent
            empty_BCTHW = sample_BCTHW.new_empty(
                (*sample_BCTHW.shape[:3], height * scale, width * scale)
            )
            receive(empty_BCTHW, ranks.world_group, from_rank=place % ranks.world_size)
            mine[place] = empty_BCTHW
        tiles.append(mine[place])
    with _decoder_gives(vae, tiles):
        return decoder.decode(prepared_BCTHW)


def _is_tiled(vae: Any, latents_BCTHW: torch.Tensor) -> bool:  # Any: as above
    height, width = latents_BCTHW.shape[-2:]
    tile_height, tile_width = _tile_size(vae)
    return bool(vae.use_tiling) and (height > tile_height or width > tile_width)


def _tile_size(vae: Any) -> tuple[int, int]:  # Any: as above
    """Height and width in latents."""
    ratio = vae.spatial_compression_ratio
    return vae.tile_sample_min_height // ratio, vae.tile_sample_min_width // ratio


def _corners(vae: Any, latents_BCTHW: torch.Tensor) -> list[tuple[int, int]]:  # Any: as above
    """Top and left of each tile in latents, row by row."""
    height, width = latents_BCTHW.shape[-2:]
    ratio = vae.spatial_compression_ratio
    tops = range(0, height, vae.tile_sample_stride_height // ratio)
    lefts = range(0, width, vae.tile_sample_stride_width // ratio)
    return list(product(tops, lefts))


def _cut(vae: Any, latents_BCTHW: torch.Tensor, corner: tuple[int, int]) -> torch.Tensor:
    (top, left), (height, width) = corner, _tile_size(vae)  # Any above: as before
    return latents_BCTHW[..., top : top + height, left : left + width]


@contextmanager
def _decoder_gives(vae: Any, tiles: list[torch.Tensor]) -> Iterator[None]:  # Any: as above
    """Within the block the decoder answers with these tiles: all of one at its first frame, where
    it is called for each.

    ModelError unless exactly these are asked for.
    """
    left_over = iter(tiles)
    current_BCTHW = tiles[0]

    def give(*_: Any, first_chunk: bool = True, **_cache: Any) -> torch.Tensor:
        nonlocal current_BCTHW
        if not first_chunk:
            return current_BCTHW[:, :, :0]
        tile_BCTHW = next(left_over, None)
        if tile_BCTHW is None:
            raise ModelError("diffusers cuts more tiles than this version of Telecine knows")
        current_BCTHW = tile_BCTHW
        return current_BCTHW

    vae.decoder.forward = give
    try:
        yield
    finally:
        del vae.decoder.forward
    if next(left_over, None) is not None:
        raise ModelError("diffusers cuts fewer tiles than this version of Telecine knows")
