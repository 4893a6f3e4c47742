"""The embedding model's place in the safeguards: a callable that is passed in, never imported.

Invariant: rows have unit length and one width; anything else from a model is "no answer".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from telecine_safeguards.errors import CheckFailed

Embed: TypeAlias = Callable[[Sequence[str]], npt.NDArray[np.float32]]
"""Texts to unit rows, in the same order."""


class RememberedEmbed:
    """An Embed that keeps the rows of a registry's texts, so that a new version costs only what
    is new in it. Prompts are not kept: their windows go to `model` directly."""

    def __init__(self, model: Embed) -> None:
        self.model = model
        self._rows: dict[str, npt.NDArray[np.float32]] = {}

    def __call__(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embed what is new and forget what `texts` no longer holds."""
        new = [text for text in dict.fromkeys(texts) if text not in self._rows]
        known = {text: self._rows[text] for text in texts if text in self._rows}
        known |= dict(zip(new, checked_rows(self.model, new), strict=True))
        self._rows = known
        return np.stack([known[text] for text in texts])


def checked_rows(embed: Embed, texts: Sequence[str]) -> npt.NDArray[np.float32]:
    """Embed and check the answer. Raises CheckFailed."""
    if not texts:
        return np.zeros((0, 1), dtype=np.float32)
    rows = np.asarray(embed(texts), dtype=np.float32)
    if rows.ndim != 2 or len(rows) != len(texts):
        raise CheckFailed(f"the embedding model gave shape {rows.shape} for {len(texts)} texts")
    lengths = np.linalg.norm(rows, axis=1)
    if not np.allclose(lengths, 1.0, atol=1e-3):  # also false for what is not a number
        raise CheckFailed("the embedding model gave rows that are not of unit length")
    return rows
