"""An embedding model for tests: words by hash, so that texts with the same words are alike."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

NUM_DIMS = 256


def fake_embed(texts: Sequence[str]) -> npt.NDArray[np.float32]:
    rows = np.full((len(texts), NUM_DIMS), 1e-3, dtype=np.float32)
    for row, text in zip(rows, texts, strict=True):
        for word in text.lower().replace(",", " ").replace(".", " ").split():
            row[zlib.crc32(word.encode()) % NUM_DIMS] += 1
    unit: npt.NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit
