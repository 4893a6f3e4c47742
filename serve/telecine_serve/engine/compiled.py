"""Transformer blocks through torch.compile: compiled before a gang is ready, if it is to be.

Only the block that repeats is compiled, once for all of them and for any number of tokens. It is
the `forward` of their class, not the call of a module: hooks on blocks (beats, slices of the
sequence) stay outside, and a step cache wraps whatever `forward` it finds. A LoRA adapter hooks
into layers within a block, and torch.compile does not look for hooks again, so a request with an
adapter runs the plain blocks. Invariant: no request's wish is lost in what was compiled without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch

from telecine_platform.records import VideoSpec
from telecine_serve.models.family import Model


class CompiledBlocks:
    """Of one model's transformers, which have blocks of one class."""

    def __init__(
        self,
        model: Model,
        backend: str | Callable[..., Any] = "inductor",  # Any: what torch gives a backend
    ) -> None:
        """Nothing is compiled yet: the first pass does it. `backend` as in torch.compile."""
        self._blocks = [
            block
            for expert in model.experts
            for block in expert.transformer.get_submodule(model.family.blocks).children()
        ]
        self._forward = torch.compile(type(self._blocks[0]).forward, dynamic=True, backend=backend)

    @contextmanager
    def used_for(self, spec: VideoSpec) -> Iterator[None]:
        """Within the block the transformers run compiled, unless `spec` has an adapter."""
        if spec.adapter is not None:
            yield
            return
        for block in self._blocks:
            block.forward = partial(self._forward, block)
        try:
            yield
        finally:
            for block in self._blocks:
                del block.forward
