"""Transformer blocks through torch.compile: compiled before a gang is ready, if it is to be.

Only the block that repeats is compiled, once for all of them and for any number of tokens. It is
the `forward` of their class, not the call of a module: hooks on blocks (beats, slices of the
sequence) stay outside, and a step cache wraps whatever `forward` it finds. A LoRA adapter hooks
into layers within a block, and torch.compile does not look for hooks again, so a request with an
adapter runs the plain blocks. Invariant: no request's wish is lost in what was compiled without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import nn

from telecine_platform.records import VideoSpec


class CompiledBlocks:
    """Of one model, or of one transformer."""

    def __init__(
        self,
        blocks: Sequence[nn.Module],
        backend: str | Callable[..., Any] = "inductor",  # Any: what torch gives a backend
    ) -> None:
        """Blocks of one class. Nothing is compiled yet: the first pass does it. `backend` as in
        torch.compile.
        """
        self._blocks = blocks
        self._forward = torch.compile(type(blocks[0]).forward, dynamic=True, backend=backend)

    def used_for(self, spec: VideoSpec) -> AbstractContextManager[None]:
        """Within the block they run compiled, unless `spec` has an adapter."""
        return self.used() if spec.adapter is None else nullcontext()

    @contextmanager
    def used(self) -> Iterator[None]:
        """Within the block they run compiled."""
        for block in self._blocks:
            block.forward = partial(self._forward, block)
        try:
            yield
        finally:
            for block in self._blocks:
                del block.forward
