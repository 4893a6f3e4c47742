"""Fill a transformer that has no weights yet with this rank's slices of its safetensors.

The files are mapped, not read: the ranks of a node share the page cache, and a rank's own memory
holds its slices only. Invariant: every parameter is filled exactly once, from a tensor of the full
shape that its rule says; anything missing, left over or of another shape raises ModelError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from telecine_platform.errors import ModelError
from telecine_serve.parallel.rules import Split


def load_shards(
    transformer: nn.Module,
    files: Iterable[Path],
    splits: Mapping[str, Split],
    *,
    tp_rank: int,
    tp_size: int,
    dtype_from_name: Callable[[str], torch.dtype],
    device: torch.device,
    is_unused: Callable[[str], bool] = lambda _: False,
    new_parameter: Callable[[torch.Tensor, torch.dtype], nn.Parameter] | None = None,
) -> None:
    """Put weights on `device` into a transformer on the meta device, sharded before or never.

    `splits` says which modules are divided (from `splits_from_rules`); a tensor that `is_unused`
    may be left over. `new_parameter` makes one of this rank's part of a tensor, where it is not
    simply to be on `device`. Raises ModelError for files that do not fit.
    """
    with ExitStack() as stack:
        tensor_from_name = _open_all(files, stack)
        parameters = dict(transformer.named_parameters())
        left_over = {name for name in tensor_from_name if is_unused(name)} - parameters.keys()
        _check_names(set(parameters), set(tensor_from_name) - left_over)
        for name, parameter in parameters.items():
            module_name, _, leaf = name.rpartition(".")
            whole = tensor_from_name[name]
            dim = _sliced_dim(splits.get(module_name), leaf)
            part = _part(whole, dim if tp_size > 1 else None, tp_rank, tp_size)
            if part.shape != parameter.shape:
                raise ModelError(
                    f"{name} in the file is {tuple(whole.get_shape())}; rank {tp_rank} of "
                    f"{tp_size} needs {tuple(parameter.shape)} of it"
                )
            dtype = dtype_from_name(name)
            if new_parameter is None:
                own = torch.empty(part.shape, dtype=dtype, device=device).copy_(part)
                filled = nn.Parameter(own, requires_grad=False)
            else:
                filled = new_parameter(part, dtype)
            setattr(transformer.get_submodule(module_name), leaf, filled)


def _open_all(files: Iterable[Path], stack: ExitStack) -> dict[str, Any]:
    """Lazy slices by tensor name; Any: safetensors ships no types."""
    slice_from_name: dict[str, Any] = {}
    for path in files:
        try:
            file = stack.enter_context(safe_open(path, framework="pt", device="cpu"))
            found = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise ModelError(f"cannot load {path}: {error}") from error
        twice = sorted(found.keys() & slice_from_name.keys())
        if twice:
            raise ModelError(f"{path} has tensors that another file has too: {twice[:3]}")
        slice_from_name |= found
    return slice_from_name


def _check_names(wanted: set[str], found: set[str]) -> None:
    problems = {
        kind: sorted(names)
        for kind, names in (("missing", wanted - found), ("unexpected", found - wanted))
        if names
    }
    if problems:
        raise ModelError(f"the weights do not fit the transformer: {problems}")


def _sliced_dim(split: Split | None, leaf: str) -> int | None:
    """Of a parameter of a module with `split`; None: every rank has all of it."""
    if split in (Split.COLUMN, Split.NORM):
        return 0
    if split is Split.ROW and leaf == "weight":
        return 1
    return None


def _part(whole: Any, dim: int | None, tp_rank: int, tp_size: int) -> torch.Tensor:
    """This rank's part as a view of the mapped file; Any: as above."""
    if dim is None:
        view: torch.Tensor = whole[...]
        return view
    size = whole.get_shape()[dim] // tp_size
    mine = slice(tp_rank * size, (tp_rank + 1) * size)
    part: torch.Tensor = whole[mine] if dim == 0 else whole[:, mine]
    return part
