"""Signatures by the Standard Webhooks specification, "Signature scheme": HMAC-SHA256 (v1)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime

_PREFIX = "whsec_"


def new_secret() -> str:
    """32 random bytes, as the specification writes them: `whsec_` and base64."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def signed_headers(
    message_id: str, at: datetime, body: bytes, signing_secrets: Iterable[str]
) -> dict[str, str]:
    """The message's headers, with one signature for each secret; without secrets it has none.

    `at` is the attempt's time, so that a receiver can refuse old recordings of a message.
    """
    timestamp = str(int(at.timestamp()))
    headers = {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
    }
    content = f"{message_id}.{timestamp}.".encode() + body
    signatures = [_signature(secret, content) for secret in signing_secrets]
    return headers | ({"webhook-signature": " ".join(signatures)} if signatures else {})


def _signature(secret: str, content: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    return "v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
