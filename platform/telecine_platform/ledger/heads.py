"""Signed heads in the blob storage: they hold the database to what it has said.

`ledger/<day>/<number>.json`, never overwritten. Keep the bucket's prefix under object lock, or copy
the heads elsewhere: who can write the database, the storage and the key can rewrite everything.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from telecine_platform.errors import BlobExists
from telecine_platform.ledger.store import Ledger
from telecine_platform.storage.store import BlobStore
from telecine_safeguards.errors import LedgerError
from telecine_safeguards.ledger.chain import Head, find_faults
from telecine_safeguards.ledger.heads import head_from_signed, signed_from_head

logger = logging.getLogger(__name__)

PREFIX = "ledger"
_CONTENT_TYPE = "application/json"


class SignedHeads:
    """Writes and reads the heads of one ledger."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs

    def keys(self) -> list[str]:
        """Of all heads, oldest first."""
        return self._blobs.keys(PREFIX)

    def read(self, key: str, trusted_keys: Sequence[Ed25519PublicKey]) -> Head:
        """One head. Raises `LedgerError` unless a trusted key has signed it."""
        content = b"".join(self._blobs.read(key))
        return head_from_signed(content, trusted_keys=trusted_keys, source=key)

    def read_all(
        self, trusted_keys: Sequence[Ed25519PublicKey]
    ) -> tuple[list[Head], list[LedgerError]]:
        """Every head that can be believed, and what is wrong with the others."""
        heads: list[Head] = []
        problems: list[LedgerError] = []
        for key in self.keys():
            try:
                heads.append(self.read(key, trusted_keys))
            except LedgerError as error:
                problems.append(error)
        return heads, problems

    def newest(self, today: datetime, trusted_keys: Sequence[Ed25519PublicKey]) -> Head | None:
        """The last head; looks at today's alone where there are some."""
        keys = self._blobs.keys(f"{PREFIX}/{today:%Y-%m-%d}") or self.keys()
        return self.read(keys[-1], trusted_keys) if keys else None

    def write(self, head: Head, key: Ed25519PrivateKey) -> None:
        """Sign and store a head; one that is there already stays."""
        name = f"{PREFIX}/{head.at:%Y-%m-%d}/{head.number:012d}.json"
        with tempfile.TemporaryDirectory(prefix="telecine-head-") as folder:
            file = Path(folder) / "head.json"
            file.write_bytes(signed_from_head(head, key))
            try:
                self._blobs.create(name, file, _CONTENT_TYPE)
            except BlobExists:
                return  # another process was faster
        logger.info("anchored", extra={"action": "ledger_anchored", "number": head.number})


def anchor(
    ledger: Ledger,
    heads: SignedHeads,
    key: Ed25519PrivateKey,
    trusted_keys: Sequence[Ed25519PublicKey],
    now: datetime,
) -> Head | None:
    """Sign the chain's end, if it has grown since the last head; returns the new head.

    The rows since then are checked first: a chain that does not go on from the last head is not
    signed, so no head ever vouches for a chain that was rewritten between two heads. Raises
    `LedgerError`.
    """
    end, last = ledger.head(), heads.newest(now, trusted_keys)
    if end is None and last is None:
        return None
    if end is not None and last is not None and (end.number, end.hash) == (last.number, last.hash):
        return None
    number = 0 if last is None else last.number
    if end is None or end.number <= number:
        raise LedgerError(f"the ledger has lost or changed row {number}, which its head signed")
    fault = next(find_faults(ledger.entries(number, end.number), start=last), None)
    if fault is not None:
        raise LedgerError(
            f"the ledger does not go on from its head {number}: row {fault.number} {fault.what}"
        )
    head = Head(number=end.number, hash=end.hash, at=now)
    heads.write(head, key)
    return head
