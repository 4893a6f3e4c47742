"""A signed head: what makes rewriting the whole chain, or cutting it off, visible.

Ed25519 (RFC 8032) over the canonical JSON of the head. Whoever keeps a copy elsewhere can hold the
ledger to it.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Annotated, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from telecine_safeguards.errors import LedgerError
from telecine_safeguards.ledger.chain import Head
from telecine_safeguards.ledger.events import canonical, utc_text
from telecine_safeguards.registry.export import key_name

FORMAT = "telecine-ledger-head-1"


class _SignedHead(BaseModel):
    model_config = ConfigDict(extra="forbid")

    format: Literal["telecine-ledger-head-1"]
    number: int = Field(ge=1)
    hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    at: AwareDatetime
    key: str
    ed25519: str


def signed_from_head(head: Head, key: Ed25519PrivateKey) -> bytes:
    """The head as a small JSON file."""
    signature = base64.b64encode(key.sign(_signed_bytes(head))).decode()
    content = _fields(head) | {"key": key_name(key.public_key()), "ed25519": signature}
    return json.dumps(content).encode() + b"\n"


def head_from_signed(
    content: bytes, *, trusted_keys: Sequence[Ed25519PublicKey], source: str
) -> Head:
    """Check and read such a file. Raises LedgerError."""
    try:
        signed = _SignedHead.model_validate_json(content)
        raw = base64.b64decode(signed.ed25519, validate=True)
    except (ValidationError, binascii.Error) as error:
        raise LedgerError(f"{source} is no signed head: it was damaged or cut") from error
    key = {key_name(each): each for each in trusted_keys}.get(signed.key)
    if key is None:
        raise LedgerError(
            f"{source} is signed by key {signed.key!r:.40}, which is not trusted here; "
            "name its public key if you know whose it is"
        )
    head = Head(number=signed.number, hash=signed.hash, at=signed.at)
    try:
        key.verify(raw, _signed_bytes(head))
    except InvalidSignature as error:
        raise LedgerError(f"{source} does not fit its signature: it was changed") from error
    return head


def _fields(head: Head) -> dict[str, object]:
    return {
        "format": FORMAT, "number": head.number, "hash": head.hash, "at": utc_text(head.at),
    }  # fmt: skip


def _signed_bytes(head: Head) -> bytes:
    return canonical(_fields(head)).encode()
