"""A transformer on this rank: built without weights, divided, then filled with its slices.

Never the whole model is in a rank's memory; the pieces that are not divided are on every rank.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from torch import nn

from telecine_platform.errors import ModelError, PlanError
from telecine_serve.models.checksums import check_checksums
from telecine_serve.models.divide import divide
from telecine_serve.models.family import Family
from telecine_serve.models.folder import TRANSFORMER, read_json
from telecine_serve.parallel.load import load_shards
from telecine_serve.parallel.mesh import RankContext
from telecine_serve.parallel.rules import splits_from_rules

_INDEX = "diffusion_pytorch_model.safetensors.index.json"
_SINGLE = "diffusion_pytorch_model.safetensors"


def load_transformer(
    folder: Path,
    family: Family,
    dtype: torch.dtype,
    device: torch.device,
    ranks: RankContext | None,
    *,
    component: str = TRANSFORMER,
    weights_device: torch.device | None = None,
    is_streamed: bool = False,
) -> nn.Module:
    """This rank's part of the transformer in `folder`/`component`, in evaluation mode, frozen.

    It computes on `device`; `weights_device` is where its weights wait, if not there. Streamed,
    they wait on the host, divided over the gang, and come block by block.
    Raises ModelError for weights that are missing, damaged or do not fit, PlanError for a model
    that does not divide along the axes of `ranks`.
    """
    stream = _new_stream(ranks, device) if is_streamed else None
    transformer = _build_empty(folder / component, family)
    rules = family.sharding_rules(transformer)
    if ranks is not None:
        divide(transformer, family, ranks)
    files = weight_files(folder / component)
    check_checksums(folder, files)
    names = (name for name, _ in transformer.named_modules())
    load_shards(
        transformer,
        files,
        splits_from_rules(names, rules),
        tp_rank=0 if ranks is None else ranks.tp_group.rank(),
        tp_size=1 if ranks is None else ranks.tp_size,
        dtype_from_name=lambda name: _dtype(transformer, name, dtype),
        device=weights_device or device,
        is_unused=lambda name: _is_unused(transformer, name),
        new_parameter=None if stream is None else stream.kept,
    )
    _move_buffers(transformer, device)
    loaded: nn.Module = transformer.eval().requires_grad_(False)
    if stream is not None:
        stream.attach(loaded, loaded.get_submodule(family.blocks).children())
    return loaded


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a component, by its index if it has several."""
    if (folder / _INDEX).is_file():
        names = set(read_json(folder / _INDEX).get("weight_map", {}).values())
        files = [folder / str(name) for name in sorted(names)]
    else:
        files = [folder / _SINGLE]
    missing = [path.name for path in files if not path.is_file()]
    if missing or not files:
        raise ModelError(f"cannot load {folder}: it lacks {missing or 'weights in its index'}")
    return files


def _build_empty(folder: Path, family: Family) -> Any:  # Any: diffusers ships no types
    import accelerate
    import diffusers

    config = read_json(folder / "config.json")
    try:
        # RoPE's tables are computed, so they need a real device.
        with accelerate.init_empty_weights(include_buffers=False):
            return getattr(diffusers, family.transformer_class).from_config(config)
    except (TypeError, ValueError) as error:
        raise ModelError(f"cannot load {folder}: {error}") from error


def _new_stream(ranks: RankContext | None, device: torch.device) -> Any:
    """Any: a WeightStream, which is imported late, as it loads DeepSpeed."""
    if ranks is None or ranks.tp_size > 1:
        raise PlanError(
            "weights that wait on the host (gang_placement with Z) are divided over the ranks of a "
            f"gang with tp1: {'there is no gang' if ranks is None else f'it has {ranks.axes}'}"
        )
    from telecine_serve.parallel.weight_stream import WeightStream

    return WeightStream(ranks.world_group, device)


def _move_buffers(transformer: nn.Module, device: torch.device) -> None:
    """RoPE's tables, which no file has."""
    for module in transformer.modules():
        for name, buffer in module.named_buffers(recurse=False):
            setattr(module, name, buffer.to(device))


def _is_unused(transformer: Any, name: str) -> bool:
    """Whether diffusers itself leaves this tensor of published files out. Any: as above."""
    patterns = transformer._keys_to_ignore_on_load_unexpected or ()
    return any(re.search(pattern, name) for pattern in patterns)


def _dtype(transformer: Any, name: str, dtype: torch.dtype) -> torch.dtype:
    """float32 for what diffusers keeps so, as `from_pretrained` does: by a part of the name.

    Source: `load_model_dict_into_meta`, diffusers 0.42.1. Any: as above.
    """
    kept = transformer._keep_in_fp32_modules or ()
    return torch.float32 if any(part in kept for part in name.split(".")) else dtype
