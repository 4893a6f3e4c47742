"""Muon for convolutions and linear layers, AdamW for everything else, as one optimizer pair.

Muon replaces a weight's averaged gradient by the nearest orthogonal matrix (five Newton-Schulz
steps; Jordan et al. 2024, https://kellerjordan.github.io/posts/muon). torch.optim.Muon takes only
2-D weights and its layout is not ours to change: convolutions are what the VAE is made of.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

_MOMENTUM = 0.95
_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients of the quintic, from the page named above."""


class Muon(torch.optim.Optimizer):
    """Takes weights of two or more dims; all but the first are one."""

    def __init__(self, weights: Iterable[nn.Parameter], lr: float) -> None:
        super().__init__(weights, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                momentum = self.state[weight].setdefault("momentum", torch.zeros_like(weight))
                momentum.lerp_(weight.grad, 1 - _MOMENTUM)
                update = weight.grad.lerp(momentum, _MOMENTUM).reshape(weight.shape[0], -1)
                scale = max(1.0, update.shape[0] / update.shape[1]) ** 0.5
                update = _orthogonal(update) * scale
                weight.add_(update.reshape(weight.shape), alpha=-group["lr"])


def _orthogonal(matrix: torch.Tensor) -> torch.Tensor:
    """In bfloat16, as the method's authors do it: the steps forgive rounding."""
    is_tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if is_tall else matrix
    x = (x / (x.norm() + 1e-7)).bfloat16()
    a, b, c = _NEWTON_SCHULZ
    for _ in range(5):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    result: torch.Tensor = (x.T if is_tall else x).float()
    return result


def optimizers(
    modules: Iterable[nn.Module], *, muon_lr: float, adam_lr: float, muon_names: tuple[str, ...]
) -> tuple[Muon, torch.optim.AdamW]:
    """Muon for the weights whose name holds one of `muon_names`, AdamW for all others."""
    muon_weights: list[nn.Parameter] = []
    adam_weights: list[nn.Parameter] = []
    for module in modules:
        for name, weight in module.named_parameters():
            is_matrix = weight.ndim >= 2 and min(weight.shape[0], weight[0].numel()) > 1
            is_muon = is_matrix and any(part in name for part in muon_names)
            (muon_weights if is_muon else adam_weights).append(weight)
    adam = torch.optim.AdamW(adam_weights, lr=adam_lr, betas=(0.9, 0.98), weight_decay=0.0)
    return Muon(muon_weights, lr=muon_lr), adam
