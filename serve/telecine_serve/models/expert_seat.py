"""Two experts and room for one: the weights of both wait on the host, one's are on the device.

The experts of a folder have the same layers, so the parameters of both are views of one block of
the device's memory, and taking the seat is one copy into it. Weights are frozen: what is
overwritten need not be copied back. Invariant: what is in the block is the expert that took the
seat last.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from telecine_platform.errors import ModelError
from telecine_serve.parallel.locked_pages import lock_pages

_ALIGNMENT_BYTES = 256
"""Of each parameter in a block; what CUDA's own allocator keeps to."""


class ExpertSeat:
    """Moves whole experts; the buffers of each (RoPE's tables) stay on the device."""

    def __init__(self, experts: Iterable[nn.Module], device: torch.device) -> None:
        """Takes experts whose parameters are on the host, one after the other, so that they can be
        loaded as they are taken. Raises ModelError if they differ.
        """
        self.experts: list[nn.Module] = []
        self._waiting: list[torch.Tensor] = []
        for expert in experts:
            if self.experts and _layout(expert) != _layout(self.experts[0]):
                raise ModelError(
                    "the experts of this model differ in their layers, so they cannot take turns "
                    "on the GPU: keep both on it (gang_placement without E)"
                )
            self._waiting.append(_pack(expert, device))
            self.experts.append(expert)
        self._block = torch.empty_like(self._waiting[0], device=device)
        for expert in self.experts:
            for name, view in _views(expert, self._block).items():
                _put(expert, name, view)
        self._seated: nn.Module | None = None
        self.num_copies = 0

    def take(self, expert: nn.Module) -> None:
        """Have this expert's weights on the device; nothing is done if they are there."""
        if expert is self._seated:
            return
        self._seated = None  # a copy that fails leaves a mixture
        place = next(place for place, known in enumerate(self.experts) if known is expert)
        self._block.copy_(self._waiting[place], non_blocking=True)
        self._seated = expert
        self.num_copies += 1


def _layout(expert: nn.Module) -> list[tuple[str, torch.Size, torch.dtype]]:
    return [(name, p.shape, p.dtype) for name, p in expert.named_parameters()]


def _pack(expert: nn.Module, device: torch.device) -> torch.Tensor:
    """Its weights as one block on the host; each parameter's own memory is freed on the way."""
    num_bytes = sum(map(_padded_bytes, expert.parameters()))
    block = torch.empty(num_bytes, dtype=torch.uint8)
    for name, view in _views(expert, block).items():
        _put(expert, name, view.copy_(expert.get_parameter(name)))
    if device.type == "cuda":
        lock_pages(block)
    return block


def _put(expert: nn.Module, name: str, tensor: torch.Tensor) -> None:
    """Have this tensor as the parameter `name`."""
    module, _, leaf = name.rpartition(".")
    setattr(expert.get_submodule(module), leaf, nn.Parameter(tensor, requires_grad=False))


def _views(expert: nn.Module, block: torch.Tensor) -> dict[str, torch.Tensor]:
    """The places of its parameters in a block by their names, in their shapes and types."""
    views, start = {}, 0
    for name, parameter in expert.named_parameters():
        flat = block[start : start + parameter.numel() * parameter.element_size()]
        views[name] = flat.view(parameter.dtype).view(parameter.shape)
        start += _padded_bytes(parameter)
    return views


def _padded_bytes(parameter: nn.Parameter) -> int:
    num_bytes = parameter.numel() * parameter.element_size()
    return -(-num_bytes // _ALIGNMENT_BYTES) * _ALIGNMENT_BYTES
