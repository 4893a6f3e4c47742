"""What a claim is searched with, as one column: 40 bytes a hash (32, its frame, its window)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from telecine_safeguards.output.copies import QueryHashes
from telecine_safeguards.output.pdq import words_from_hex

_ROW = np.dtype([("words", ">u8", (4,)), ("frame", ">i4"), ("window", ">i4")])


def bytes_from_query(query: QueryHashes) -> bytes:
    rows = np.zeros(len(query.words), _ROW)
    rows["words"], rows["frame"], rows["window"] = query.words, query.frame_numbers, query.windows
    return rows.tobytes()


def query_from_bytes(raw: bytes) -> QueryHashes:
    rows = np.frombuffer(raw, _ROW)
    return QueryHashes(
        words=rows["words"].astype(np.uint64),
        frame_numbers=rows["frame"].astype(np.int64),
        windows=rows["window"].astype(np.int64),
    )


def query_from_hashes(hashes: Sequence[str]) -> QueryHashes:
    """A claimant's own hashes: what each shows is unknown, so none confirms another one.

    Their frames and windows are negative, apart from those of media.
    """
    apart = -1 - np.arange(len(hashes), dtype=np.int64)
    return QueryHashes(words=words_from_hex(tuple(hashes)), frame_numbers=apart, windows=apart)
