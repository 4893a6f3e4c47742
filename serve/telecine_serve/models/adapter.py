"""LoRA adapters (arXiv:2106.09685): small additions to a transformer's linear layers.

y = W x + s B A x, with A (`lora_A`, rank x inputs), B (`lora_B`, outputs x rank) and s = alpha /
rank. A file names layers as diffusers does, and is read as the transformer is: each rank takes its
slices. Invariant: an adapter is used whole or not at all; a tensor that fits no layer raises.
Dims: B batch, S tokens, D width.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from telecine_platform.errors import ModelError
from telecine_serve.parallel.collectives import all_reduce_sum
from telecine_serve.parallel.mesh import RankContext
from telecine_serve.parallel.rules import Split

_KEY = re.compile(r"(?:transformer\.|diffusion_model\.)?(.+)\.(lora_[AB]\.weight|alpha)")
_DOWN, _UP, _ALPHA = "lora_A.weight", "lora_B.weight", "alpha"


@dataclass(frozen=True, slots=True, kw_only=True)
class LowRank:
    """This rank's part of one layer's addition."""

    down: torch.Tensor
    """rank x inputs."""
    up: torch.Tensor
    """outputs x rank, times s."""
    is_partial: bool
    """Whether the inputs are divided over the tensor-parallel ranks: then `down`'s results are
    partial sums."""


Adapter = dict[str, LowRank]
"""By the name of the layer."""


def load_adapter(
    file: Path,
    transformer: nn.Module,
    splits: Mapping[str, Split],
    device: torch.device,
    ranks: RankContext | None,
) -> Adapter:
    """This rank's part of `file` for its part of `transformer`, on `device`.

    `splits` says how its layers are divided. Raises ModelError for a file that does not fit.
    """
    adapter = {}
    for name, tensors in _read(file).items():
        if tensors.keys() - {_ALPHA} != {_DOWN, _UP}:
            raise ModelError(f"{file}: {name} needs {_DOWN} and {_UP}, it has {sorted(tensors)}")
        weight = _weight(transformer, name, file)
        down, up = tensors[_DOWN], tensors[_UP]
        rank = down.shape[0]
        scale = float(tensors[_ALPHA]) / rank if _ALPHA in tensors else 1.0
        split = splits.get(name) if ranks is not None and ranks.tp_size > 1 else None
        if split is Split.COLUMN:
            up = _mine(up, 0, ranks)
        elif split is Split.ROW:
            down = _mine(down, 1, ranks)
        shape = tuple(_full_shape(weight))
        if (up.shape[0], down.shape[1]) != shape or up.shape[1] != rank:
            raise ModelError(
                f"{file}: {name} adds {tuple(up.shape)} x {tuple(down.shape)}, the layer has "
                f"{shape} here"
            )
        adapter[name] = LowRank(
            down=down.to(device, weight.dtype).contiguous(),
            up=(up.float() * scale).to(device, weight.dtype).contiguous(),
            is_partial=split is Split.ROW,
        )
    return adapter


@contextmanager
def adapted(transformer: nn.Module, adapter: Adapter, ranks: RankContext | None) -> Iterator[None]:
    """Within the block the layers of `transformer` add what `adapter` says."""
    with ExitStack() as stack:
        for name, low_rank in adapter.items():
            layer = transformer.get_submodule(name)
            # First of all hooks: the others, as that of the keys' norm, have to see the sum.
            hook = layer.register_forward_hook(_addition(low_rank, ranks), prepend=True)
            stack.callback(hook.remove)
        yield


def _addition(low_rank: LowRank, ranks: RankContext | None) -> Any:  # Any: torch's type of hooks
    def add(
        _layer: nn.Module, args: tuple[torch.Tensor, ...], out_BSD: torch.Tensor
    ) -> torch.Tensor:
        low_BSD = nn.functional.linear(args[0], low_rank.down)
        if low_rank.is_partial and ranks is not None:
            all_reduce_sum(low_BSD, ranks.tp_group)
        return out_BSD + nn.functional.linear(low_BSD, low_rank.up)

    return add


def _read(file: Path) -> dict[str, dict[str, torch.Tensor]]:
    """Tensors by layer and role."""
    found: dict[str, dict[str, torch.Tensor]] = {}
    try:
        with safe_open(file, framework="pt", device="cpu") as opened:
            for key in opened.keys():  # noqa: SIM118
                match = _KEY.fullmatch(key)
                if match is None:
                    raise ModelError(
                        f"{file}: {key[:100]!r} is not the LoRA of a layer as diffusers names them "
                        "(`blocks.0.attn1.to_q.lora_A.weight`): convert the adapter first"
                    )
                found.setdefault(match[1], {})[match[2]] = opened.get_tensor(key)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"cannot load the adapter {file}: {error}") from error
    if not found:
        raise ModelError(f"the adapter {file} is empty")
    return found


def _weight(transformer: nn.Module, name: str, file: Path) -> torch.Tensor:
    try:
        layer = transformer.get_submodule(name)
    except AttributeError:
        layer = None
    weight = getattr(layer, "weight", None)
    if not isinstance(weight, torch.Tensor) or len(_full_shape(weight)) != 2:
        raise ModelError(f"{file}: the model has no linear layer {name[:100]!r}")
    return weight


def _full_shape(weight: torch.Tensor) -> torch.Size:
    """A weight that waits on the host (`parallel/weight_stream.py`) has no values to show here."""
    shape: torch.Size = getattr(weight, "ds_shape", weight.shape)
    return shape


def _mine(whole: torch.Tensor, dim: int, ranks: RankContext | None) -> torch.Tensor:
    assert ranks is not None  # only layers of several ranks are divided
    return whole.chunk(ranks.tp_size, dim=dim)[ranks.tp_group.rank()]
