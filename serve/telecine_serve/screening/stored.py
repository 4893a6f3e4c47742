"""Keeps a registry's embedded descriptions on disk: eleven thousand texts take MiniLM 20 s on one
core, and every replica and every `telecine screen` needs them.

Invariant: the file only saves time. It belongs to one model by its name, holds digests instead of
texts, is replaced whole, and is made anew when it cannot be read. Prompts are never kept.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from telecine_safeguards.prompt.embed import Embed, RememberedEmbed, checked_rows

logger = logging.getLogger(__name__)

Rows = dict[bytes, npt.NDArray[np.float32]]


class StoredEmbed(RememberedEmbed):
    """A RememberedEmbed that also remembers across processes."""

    def __init__(self, model: Embed, file: Path) -> None:
        super().__init__(model)
        self._file = file
        self._updating = threading.Lock()
        self._by_digest = _read(file)

    def __call__(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embed what is new, forget what `texts` no longer holds."""
        with self._updating:
            return self._rows_of(texts)

    def _rows_of(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        text_by_digest = {_digest(text): text for text in texts}
        new = [digest for digest in text_by_digest if digest not in self._by_digest]
        if new:
            rows = checked_rows(self.model, [text_by_digest[digest] for digest in new])
            self._by_digest |= dict(zip(new, rows, strict=True))
            self._by_digest = {digest: self._by_digest[digest] for digest in text_by_digest}
            _write(self._file, self._by_digest)
        if not texts:
            return np.zeros((0, 1), dtype=np.float32)
        return np.stack([self._by_digest[_digest(text)] for text in texts])


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).digest()


def _read(file: Path) -> Rows:
    """What the file holds; nothing when it is missing, cut or damaged (its parts carry a CRC)."""
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            digests, rows = stored["digests"], stored["rows"]
        if digests.shape != (len(rows), 32) or rows.dtype != np.float32 or rows.ndim != 2:
            raise ValueError("the shapes do not fit")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        about = {"action": "embeddings_unread", "error_type": type(error).__name__}
        logger.warning("embeddings are made anew", extra=about)
        return {}
    return {digest.tobytes(): row for digest, row in zip(digests, rows, strict=True)}


def _write(file: Path, rows: Mapping[bytes, npt.NDArray[Any]]) -> None:
    """Replace the file whole. A disk that is full or read-only costs time, not screening."""
    beside = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as new:
            np.savez(
                new,
                digests=np.frombuffer(b"".join(rows), dtype=np.uint8).reshape(-1, 32),
                rows=np.stack(list(rows.values())),
            )
        os.replace(beside, file)
    except OSError as error:
        about = {"action": "embeddings_unwritten", "error_type": type(error).__name__}
        logger.warning("embeddings are not kept", extra=about)
        with suppress(OSError):
            beside.unlink()
